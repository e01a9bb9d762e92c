#pragma once

#include <boost/unordered/unordered_flat_map.hpp>

#include <filesystem>
#include <vector>

#include "storage/topic_log.h"
#include "storage/topic_state.h"

namespace nsq::storage {

/// A message found outside of the log's order.
struct FoundMessage {
    std::uint64_t seq = 0;
    BatchPlace place;
    std::int64_t dueNs = 0;
};

/// What an earlier run left of a topic's log.
struct RecoveredLog {
    LogEnd end;
    std::uint64_t nextSeq = 0;           ///< above all that was found
    std::vector<FoundMessage> deferred;  ///< that came after the saved state, in order
    boost::unordered_flat_map<std::uint64_t, FoundMessage> moved;  ///< copies of older messages
};

/// Gives the segment files of `directory` to `store`, and reads the log from where `from` was saved to its
/// end; null: all of it. A torn end is cut off, what is damaged in the middle is left out; both are reported
/// to the store. kStorage when a file cannot be read. THREAD: before anybody else uses the store.
sdk::Result<RecoveredLog> recoverLog(const std::filesystem::path& directory, const TopicState* from,
                                     LogStore& store);

/// Takes what is behind `end` out of the files of a log that nobody has opened, durably. It can be repeated.
/// kStorage.
sdk::Result<void> cutLog(const std::filesystem::path& directory, const SavedCursor& end);

/// The segment a saved place names, or, if it is gone, the next one; null: there is none.
SegmentPtr segmentOf(const std::vector<SegmentPtr>& segments, std::uint64_t firstSeq);

/// A cursor at a saved place. `endIndex` is that of the log's end: where nothing is left to read, it is
/// there.
sdk::Result<LogCursor> toCursor(LogStore& store, const std::vector<SegmentPtr>& segments,
                                const SavedCursor& saved, std::uint64_t endIndex);

SavedCursor toSaved(const LogCursor& cursor);

}  // namespace nsq::storage
