#pragma once

#include <filesystem>
#include <span>

#include "storage/stock_queue.h"
#include "storage/topic_state.h"

namespace nsq::storage {

/// Makes an import of stock queues into a topic happen whole or not at all, wherever it is interrupted. Two
/// files in the topic's directory tell how far it has come:
///
///     import    a state file: the topic as it was before. All that is in the log behind its end is undone.
///     imported  text, a line for each queue that is in the log, with all of it on the disk: its name, the
///               number and size of its last data file, the numbers of its files to be set aside. The import
///               is done; `import` says nothing any more, and the queues are to be removed.
///
/// THREAD: one at a time; nobody else uses the topic.
class ImportJournal {
public:
    /// `directory`: the topic's.
    explicit ImportJournal(std::filesystem::path directory) : directory_(std::move(directory)) {}

    /// An import begins; until commit() the topic goes back to `before`. kStorage.
    sdk::Result<void> begin(const TopicState& before);

    /// All messages of these queues, which have data files, and the topic's state are on the disk. With the
    /// return the import is done. kStorage: it may be done or not.
    sdk::Result<void> commit(std::span<const StockRemoval> queues);

    /// Removes the queues of an import that is done from `dataPath`, then what tells of it. A queue that is
    /// not as it was listed stays: a stock nsqd has been there since, and it is imported again. kStorage: to
    /// be repeated.
    sdk::Result<void> finish(const std::filesystem::path& dataPath);

    /// At a start, before the topic's files are read: finishes an import that is done, or undoes one that was
    /// interrupted. True when something was undone. kStorage: to be repeated.
    sdk::Result<bool> recover(const std::filesystem::path& dataPath);

private:
    const std::filesystem::path directory_;
};

}  // namespace nsq::storage
