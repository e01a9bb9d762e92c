#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "storage/log_store.h"

namespace nsq::storage {

/// Where a batch is: what a message that is not finished is found by, together with its sequence number.
struct BatchPlace {
    SegmentHold segment;
    std::uint32_t offset = 0;  ///< of the batch's header
};

/// A place in a topic log: before the message with ordinal `index`. Cheap to copy. THREAD: its owner's.
struct LogCursor {
    SegmentPtr segment;           ///< null: before everything
    ExtentPtr extent;             ///< memory that has what comes next; null: to be found
    std::uint64_t offset = 0;     ///< where in the segment the next frame, or the next batch header, begins
    std::uint64_t batch = 0;      ///< where the current batch's header is, when batchLeft is not 0
    std::uint64_t batchEnd = 0;   ///< where the current batch ends
    std::uint32_t batchLeft = 0;  ///< messages of the current batch still to come; 0: a batch header is next
    std::uint64_t seq = 0;        ///< sequence number of the next message, when batchLeft is not 0
    std::uint64_t index = 0;  ///< how many messages of this log come before; the difference of two is a depth

    /// Lets go of the log's memory, so that a reader who is far behind does not keep it.
    void rest() {
        if (segment && !segment->isInMemory()) extent = nullptr;
    }
};

/// Consecutive messages of one batch.
struct LogRun {
    Location first;
    std::size_t bytes = 0;
    std::uint32_t count = 0;
    std::uint64_t firstSeq = 0;
    BatchPlace place;

    sdk::Bytes frames() const { return {first.frame, bytes}; }
};

/// What a reader can take at once.
struct LogLimit {
    std::uint64_t messages = UINT64_MAX;  ///< 1 or more
    std::size_t bytes = SIZE_MAX;
    bool strict = false;  ///< bytes is binding; otherwise one message may be larger
};

/// Reads messages of one batch at `cursor` and moves it behind them. A run without messages: there is nothing
/// within the limit, or nothing at all. kStorage: a file cannot be read now; the cursor stays. THREAD: the
/// cursor's; the topic's lock is not needed.
sdk::Result<LogRun> readRun(LogStore& store, LogCursor& cursor, const LogLimit& limit = {});

/// Makes a message the next thing at `cursor`, passing what is damaged: index then says how much was. False:
/// there is none yet. kStorage as above.
sdk::Result<bool> enter(LogStore& store, LogCursor& cursor);

/// Moves `cursor` over `count` messages, or to the end.
sdk::Result<void> skip(LogStore& store, LogCursor& cursor, std::uint64_t count);

/// Calls `visit` with each frame from `cursor` on, up to the message with the ordinal `end`. What is damaged
/// is left out. kStorage, or what `visit` returns.
using FrameVisitor = std::function<sdk::Result<void>(const std::byte* frame)>;
sdk::Result<void> visitFrames(LogStore& store, LogCursor cursor, std::uint64_t end,
                              const FrameVisitor& visit);

/// A batch of one message in memory of its own, so that it does not keep a whole block.
BatchPlace copyInMemory(std::uint64_t seq, const Location& message, const MemoryAccount& account);

/// Finds messages out of the log's order; good at finding several of the same few batches or of neighbours.
/// THREAD: one at a time.
class FrameFinder {
public:
    explicit FrameFinder(LogStore& store) : store_(store) {}

    /// The frame of message `seq` of the batch at `place`. Without a frame: it is damaged or not there, which
    /// is reported to the store. kStorage.
    sdk::Result<Location> find(const BatchPlace& place, std::uint64_t seq);

private:
    /// A batch in which something was found, and where: frames behind it are found from there.
    struct Found {
        ExtentPtr extent;
        std::uint64_t batch = 0;  ///< offset of its header in the extent's segment
        std::uint64_t seq = 0;
        const std::byte* frame = nullptr;
    };

    /// Batches that are remembered (chosen). Messages that several consumers send back again and again come
    /// from ever more batches in turn.
    static constexpr std::size_t kRemembered = 64;

    /// Bytes read after which all is forgotten, but for what was found last (chosen).
    static constexpr std::size_t kMostRemembered = 4 * 1024 * 1024;

    sdk::Result<Found*> batchAt(const BatchPlace& place, std::uint64_t seq);
    Found* missing(const BatchPlace& place, std::uint64_t seq, bool overDamage);

    LogStore& store_;
    std::vector<Found> found_;
    std::size_t last_ = 0;    ///< of found_: where the last message was found
    std::size_t oldest_ = 0;  ///< of found_: what is forgotten next
    std::size_t bytes_ = 0;   ///< read since nothing was remembered
};

}  // namespace nsq::storage
