#include "storage/import_journal.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <map>
#include <sstream>

#include "nsq/sdk/bytes.h"
#include "storage/file_io.h"
#include "storage/log_recovery.h"
#include "storage/state_journal.h"
#include "storage/topic_directory.h"

namespace nsq::storage {

namespace fs = std::filesystem;

namespace {

/// A line of the file `imported`.
struct ImportedQueue {
    StockQueue::DataFile last{};
    std::vector<std::uint64_t> setAside;
};

using ImportedQueues = std::map<std::string, ImportedQueue>;

std::string lineOf(const StockRemoval& removal) {
    const StockQueue::DataFile& last = removal.queue.files.back();
    std::ostringstream line;
    line << removal.queue.name() << ' ' << last.number << ' ' << last.bytes;
    for (const std::uint64_t number : removal.setAside) line << ' ' << number;
    line << '\n';
    return line.str();
}

/// A queue of a line that cannot be read is imported again.
ImportedQueues parse(std::string_view text) {
    ImportedQueues queues;
    std::istringstream lines{std::string{text}};
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words{line};
        std::string name;
        ImportedQueue queue;
        if (!(words >> name >> queue.last.number >> queue.last.bytes)) continue;
        for (std::uint64_t number = 0; words >> number;) queue.setAside.push_back(number);
        if (words.eof()) queues.insert_or_assign(std::move(name), std::move(queue));
    }
    return queues;
}

bool isAsListed(const StockQueue& queue, const ImportedQueue& listed) {
    if (queue.files.empty()) return false;
    const StockQueue::DataFile& last = queue.files.back();
    return last.number == listed.last.number && last.bytes == listed.last.bytes;
}

sdk::Result<bool> isThere(const fs::path& path) {
    std::error_code failure;
    const bool found = fs::exists(path, failure);
    if (failure) return storageError(path, "cannot be examined", failure.value());
    return found;
}

sdk::Result<void> removeDurably(const fs::path& path) {
    std::error_code failure;
    fs::remove(path, failure);
    if (failure) return storageError(path, "cannot be removed", failure.value());
    return syncDirectory(path.parent_path());
}

sdk::Result<void> removeAsListed(const fs::path& dataPath, const ImportedQueues& listed) {
    auto queues = listStockQueues(dataPath);
    if (!queues) return queues.error();
    std::vector<StockRemoval> removals;
    for (StockQueue& queue : queues.value()) {
        const auto found = listed.find(queue.name());
        if (found != listed.end() && isAsListed(queue, found->second))
            removals.push_back({std::move(queue), found->second.setAside});
    }
    return removeStockQueues(removals);
}

}  // namespace

sdk::Result<void> ImportJournal::begin(const TopicState& before) {
    if (auto saved = StateJournal{importFile(directory_), true}.saveAll(before); !saved) return saved;
    return syncDirectory(directory_);
}

sdk::Result<void> ImportJournal::commit(std::span<const StockRemoval> queues) {
    std::string text;
    for (const StockRemoval& queue : queues) text += lineOf(queue);
    return replaceFile(importedFile(directory_), sdk::asBytes(text));
}

sdk::Result<void> ImportJournal::finish(const fs::path& dataPath) {
    // An earlier run may have died before it had synced that name. Without it the import would be undone.
    if (auto synced = syncDirectory(directory_); !synced) return synced;
    const auto list = readFile(importedFile(directory_));
    if (!list) return list.error();
    if (auto removed = removeAsListed(dataPath, parse(sdk::asText(list.value()))); !removed) return removed;
    // In this order: with `import` alone the import would be undone.
    if (auto removed = removeDurably(importFile(directory_)); !removed) return removed;
    return removeDurably(importedFile(directory_));
}

sdk::Result<bool> ImportJournal::recover(const fs::path& dataPath) {
    const auto isDone = isThere(importedFile(directory_));
    if (!isDone) return isDone.error();
    if (isDone.value()) {
        const auto finished = finish(dataPath);
        return finished ? sdk::Result<bool>{false} : finished.error();
    }
    const fs::path begun = importFile(directory_);
    const auto hasBegun = isThere(begun);
    if (!hasBegun || !hasBegun.value()) return hasBegun;
    std::string warning;
    const auto before = StateJournal{begun, true}.read(warning);
    if (!before) return before.error();
    // The log is not touched without knowing where to cut it.
    if (!before.value()) {
        return sdk::Error{sdk::ErrorCode::kStorage,
                          (warning.empty() ? begun.string() + ": empty" : warning) +
                              "; it tells what an interrupted take-over added to the log. Without this file "
                              "all of that stays, and comes twice"};
    }
    if (auto cut = cutLog(directory_, before.value()->end); !cut) return cut.error();
    const fs::path state = stateFile(directory_);
    if (std::rename(begun.c_str(), state.c_str()) != 0)
        return storageError(state, "cannot be put back", errno);
    if (auto synced = syncDirectory(directory_); !synced) return synced.error();
    return true;
}

}  // namespace nsq::storage
