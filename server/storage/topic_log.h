#pragma once

#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>

#include <atomic>
#include <cstdint>
#include <span>
#include <vector>

#include "nsq/sdk/bytes.h"
#include "storage/block.h"

namespace nsq::storage {

/// One block of a topic log and the way to the next. Readers hold the extent they are in, and with it all
/// that come after; what no reader needs frees itself.
struct Extent {
    explicit Extent(Block* memory) : block(memory), owner(memory) {}

    Block* block;
    sdk::BufferRef owner;
    std::atomic<std::size_t> committed{0};  ///< bytes of the block that readers may read
    std::atomic<Extent*> next{nullptr};     ///< set once; holds one reference
    std::atomic<std::uint32_t> references{0};
};

void intrusive_ptr_add_ref(Extent* extent);
void intrusive_ptr_release(Extent* extent);

using ExtentPtr = boost::intrusive_ptr<Extent>;

/// A place in a topic log: before the message with ordinal `index`. Cheap to copy. THREAD: its owner's.
struct LogCursor {
    ExtentPtr extent;
    std::size_t offset = 0;       ///< where in the block the next frame, or the next batch header, begins
    std::size_t batchEnd = 0;     ///< where the current batch ends
    std::uint32_t batchLeft = 0;  ///< messages of the current batch still to come; 0: a batch header is next
    std::uint64_t seq = 0;        ///< sequence number of the next message, when batchLeft is not 0
    std::uint64_t index = 0;  ///< how many messages of this log come before; the difference of two is a depth
};

/// Consecutive messages of one batch.
struct LogRun {
    Location first;
    std::size_t bytes = 0;
    std::uint32_t count = 0;
    std::uint64_t firstSeq = 0;

    sdk::Bytes frames() const { return {first.frame, bytes}; }
};

/// A message that is kept for later outside of the order of the log.
struct LogMessage {
    std::uint64_t seq = 0;
    Location at;
};

/// A topic's messages, appended once, in the form consumers get them (V2 message frames, attempts 1), in
/// batches as disk_format.h describes. What is appended becomes readable with the next commit. THREAD: one at
/// a time for all members (the topic's lock); cursors are read on any thread, see readRun.
class TopicLog {
public:
    /// Bits of a message id below the node id: the message's sequence number.
    static constexpr int kSeqBits = 54;
    static constexpr std::uint64_t kSeqMask = (std::uint64_t{1} << kSeqBits) - 1;

    /// The first message gets `firstSeq`; ids carry `nodeId` (0..1023) in their upper bits.
    TopicLog(std::uint64_t firstSeq, int nodeId, MemoryAccount account);

    /// Appends messages, published at `timestampNs` (Unix epoch).
    void append(std::span<const sdk::Bytes> bodies, std::int64_t timestampNs);

    /// Stores messages beside the log's order, for deferred delivery: the caller keeps the result.
    std::vector<LogMessage> store(std::span<const sdk::Bytes> bodies, std::int64_t timestampNs);

    /// Appends `frames` of messages that have their sequence numbers already: those of a file.
    void restore(std::uint64_t firstSeq, std::uint32_t count, sdk::Bytes frames);

    /// Like store, for one frame of a file.
    LogMessage restoreMessage(std::uint64_t seq, sdk::Bytes frame);

    /// Makes everything appended readable. Returns whether there was anything.
    bool commit();

    /// The place after the last committed message.
    LogCursor end() const;

    std::uint64_t nextSeq() const { return nextSeq_; }

    /// Sequence numbers may leave out some, but never go back.
    void skipTo(std::uint64_t nextSeq) { nextSeq_ = std::max(nextSeq_, nextSeq); }

    std::int64_t memoryBytes() const { return account_->load(std::memory_order_relaxed); }
    const MemoryAccount& account() const { return account_; }

    /// The part of memoryBytes() that stays when no message is left: the block that is being filled.
    std::int64_t tailBytes() const { return static_cast<std::int64_t>(tail_->block->capacity()); }

private:
    std::byte* reserve(std::size_t bytes);
    void openBatch();
    void closeBatch();
    std::byte* encode(std::byte* to, sdk::Bytes body, std::int64_t timestampNs);

    const std::uint64_t idPrefix_;
    MemoryAccount account_;
    std::uint64_t nextSeq_;
    std::uint64_t committedIndex_ = 0;
    std::uint64_t appendedIndex_ = 0;

    ExtentPtr tail_;
    std::size_t used_ = 0;          ///< bytes of the tail written, committed or not
    std::size_t batchBegin_ = 0;    ///< where the open batch's header is
    std::uint32_t batchCount_ = 0;  ///< messages in the open batch; 0: none is open
    std::size_t nextCapacity_;
    std::vector<ExtentPtr> filled_;  ///< extents left behind since the last commit, with bytes to commit
    std::vector<std::size_t> filledBytes_;

    sdk::BufferRef side_;  ///< where store() puts messages
    std::byte* sideNext_ = nullptr;
    std::size_t sideLeft_ = 0;
};

/// Reads messages of one batch at `cursor` and moves it behind them: at most `maxMessages` (1 or more) and as
/// many as go into `maxBytes`, but one at least. The caller knows that there is a committed message. THREAD:
/// the cursor's; no lock of the log is needed.
LogRun readRun(LogCursor& cursor, std::uint64_t maxMessages, std::size_t maxBytes);

/// Size of the next message's frame, as readRun would give it. Moves `cursor` up to that frame at most.
std::size_t nextSize(LogCursor& cursor);

/// Moves `cursor` over `count` committed messages.
void skip(LogCursor& cursor, std::uint64_t count);

/// The frame of message `position` of a run.
const std::byte* frameAt(const std::byte* first, std::uint32_t position);

/// Size of a frame, its size field included.
std::size_t frameSize(const std::byte* frame);

/// A copy of a message in memory of its own, so that it does not keep a whole block alive.
Location copyOf(const Location& message, const MemoryAccount& account);

}  // namespace nsq::storage
