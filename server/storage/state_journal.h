#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "nsq/sdk/result.h"
#include "storage/topic_state.h"

namespace nsq::storage {

/// A topic's state file: a record of everything, and records of what changed since. A change is appended, in
/// one write; when changes have become the greater part of the file it is written anew beside the old one and
/// renamed. THREAD: one at a time.
class StateJournal {
public:
    /// For the file at `path`, which need not exist. With `durable` a new file is on the disk before it
    /// replaces the old one.
    StateJournal(std::filesystem::path path, bool durable) : path_(std::move(path)), durable_(durable) {}

    /// What the file says. Nothing when it does not exist or its first record is damaged; from a damaged
    /// record on, the rest is not used: an older state is safe, as the log has what came after. `warning`
    /// tells of damage. kStorage when the file cannot be read.
    sdk::Result<std::optional<TopicState>> read(std::string& warning);

    /// True when the next save must be of everything: nothing was saved yet, a save failed, or there are too
    /// many changes.
    bool wantsAll() const;

    /// Saves everything. kStorage.
    sdk::Result<void> saveAll(const TopicState& state);

    /// Saves what changed since the last save. Not when wantsAll(). kStorage: wantsAll() from now on.
    sdk::Result<void> saveChange(const TopicState& change);

    /// What was written may not be on the disk, and never come there: the next save must be of everything.
    void distrust() { serial_ = 0; }

    /// Waits until the last save is on the disk. kStorage.
    sdk::Result<void> sync() const;

private:
    const std::filesystem::path path_;
    const bool durable_;
    std::uint32_t serial_ = 0;   ///< of the next record; 0: everything
    std::uint64_t size_ = 0;     ///< of the file
    std::uint64_t allSize_ = 0;  ///< of its first record
};

}  // namespace nsq::storage
