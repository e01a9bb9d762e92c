#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "nsq/sdk/result.h"

namespace nsq::storage {

/// A message taken from the log and not finished.
struct PendingState {
    std::uint64_t seq = 0;
    std::int64_t dueNs =
        0;  ///< nanoseconds since the Unix epoch before which it is not delivered; 0: at once
    std::uint16_t attempts = 0;
};

/// Where a reader of a topic's log stands: a channel, or the topic itself for what its channels do not have
/// yet.
struct ReaderState {
    std::uint64_t nextSeq = 0;    ///< the topic's next sequence number when this was saved
    std::uint64_t cursorSeq = 0;  ///< all messages of the log before this one were taken
    std::vector<PendingState> pending;
};

/// Writes a state file atomically; see disk_format.h.
sdk::Result<void> writeState(const std::filesystem::path& path, const ReaderState& state);

/// Reads it back. kStorage when it cannot be read, is damaged, or has another version.
sdk::Result<ReaderState> readState(const std::filesystem::path& path);

}  // namespace nsq::storage
