#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "nsq/sdk/bytes.h"
#include "storage/log_cursor.h"

namespace nsq::storage {

/// How a topic log is kept.
struct LogConfig {
    int nodeId = 0;  ///< 0..1023, the upper bits of message ids
    std::filesystem::path
        directory;  ///< of the segment files; empty: memory only. Must exist at the first commit
    std::uint64_t maxBytesPerFile = 104857600;
    std::uint64_t memoryMessages = 10000;  ///< the newest ones stay in memory
    bool writeThrough = true;  ///< a commit writes; otherwise only what does not stay in memory is written
};

/// Where a log continues: behind what an earlier run left.
struct LogEnd {
    SegmentPtr segment;  ///< null: with a new file
    std::uint64_t offset = 0;
    std::uint64_t index = 0;
};

/// A message stored beside the log's order.
struct LogMessage {
    std::uint64_t seq = 0;
    BatchPlace place;
};

/// A topic's messages, appended once, in the form consumers get them (V2 message frames, attempts 1), in
/// batches as disk_format.h describes. What is appended becomes readable with the next commit. THREAD: one at
/// a time for all members (the topic's lock); readers use store().
class TopicLog {
public:
    /// Bits of a message id below the node id: the message's sequence number.
    static constexpr int kSeqBits = 54;
    static constexpr std::uint64_t kSeqMask = (std::uint64_t{1} << kSeqBits) - 1;

    /// The first message gets `firstSeq`.
    TopicLog(std::uint64_t firstSeq, LogConfig config, std::shared_ptr<LogStore> store);

    /// Continues behind files of an earlier run, which the store has, with the message `nextSeq` or a later
    /// one.
    void resume(const LogEnd& end, std::uint64_t nextSeq);

    /// Appends messages, published at `timestampNs` (Unix epoch).
    void append(std::span<const sdk::Bytes> bodies, std::int64_t timestampNs);

    /// Appends messages that wait for `dueNs` (Unix epoch) outside of the log's order: the caller keeps the
    /// result.
    std::vector<LogMessage> appendDeferred(std::span<const sdk::Bytes> bodies, std::int64_t timestampNs,
                                           std::int64_t dueNs);

    /// Appends a copy of a message of an old segment, outside of the log's order.
    LogMessage move(std::uint64_t seq, sdk::Bytes frame, std::int64_t dueNs);

    /// Appends messages with attempts and timestamps of their own: those of another server's files.
    struct Imported {
        std::int64_t timestampNs;
        std::uint16_t attempts;  ///< deliveries so far
        sdk::Bytes body;
    };
    void import(std::span<const Imported> messages);

    /// Makes everything appended readable, and writes it if that is the way this log is kept. When that
    /// fails, all that was appended since the last commit is gone. kStorage.
    sdk::Result<void> commit();

    /// Writes all that is committed and in memory only. kStorage.
    sdk::Result<void> writeAll();

    /// Lets the oldest messages beyond memoryMessages go from memory. True if there were any.
    bool trim();

    /// Lets all go from memory that is written; closes files.
    void rest();

    /// Lets everything go: the files are being removed, and nothing is appended any more.
    void abandon();

    /// The next message begins a new file, so that all others may be removed.
    void beginFile();

    /// The place after the last committed message.
    LogCursor end() const;

    /// The file that is appended to; it may not have been made yet.
    const SegmentPtr& lastSegment() const { return lastSegment_; }
    std::uint64_t lastOffset() const { return lastOffset_; }

    std::uint64_t nextSeq() const { return nextSeq_; }

    /// Sequence numbers may leave out some, but never go back.
    void skipTo(std::uint64_t nextSeq);

    /// Appended so far, committed or given up. A commit that fails gives up a range of these.
    std::uint64_t appended() const { return appended_; }
    std::uint64_t committed() const { return committed_; }

    LogStore& store() { return *store_; }
    const LogStore& store() const { return *store_; }

private:
    /// What a batch header says of its messages.
    struct BatchKind {
        std::uint32_t magic;
        std::uint64_t firstSeq;
        std::int64_t dueNs = 0;
    };

    std::byte* reserve(std::size_t bytes, const BatchKind& kind);
    void openExtent(std::size_t bytes);
    void openBatch(const BatchKind& kind);
    void closeBatch();
    BatchPlace batchPlace() const;
    std::byte* encode(std::byte* to, sdk::Bytes body, std::int64_t timestampNs, std::uint16_t attempts);
    void count(std::size_t messages);
    std::uint64_t nameAfter(const SegmentPtr& previous) const;
    SegmentPtr newSegment(std::uint64_t name);
    void beginSegment();
    sdk::Result<void> writeOut(Extent& extent, std::size_t bytes);
    sdk::Result<void> makeRoom();
    void publish();
    bool isOver(const Extent& next) const;
    void rollBack();
    void forgetMemory();
    bool isFile() const { return !config_.directory.empty(); }

    const LogConfig config_;
    const std::shared_ptr<LogStore> store_;
    const std::uint64_t idPrefix_;
    std::uint64_t nextSeq_;
    std::uint64_t index_ = 0;  ///< of the next message appended to the log's order
    std::uint64_t committedIndex_ = 0;
    std::uint64_t appended_ = 0;
    std::uint64_t committed_ = 0;

    /// Those with bytes that are not committed; the last one is being filled. Empty: there is none to fill.
    std::vector<ExtentPtr> open_;
    ExtentPtr lastCommitted_;              ///< the next extent is linked to it; null: none is in memory
    std::vector<SegmentPtr> newSegments_;  ///< without anything committed: the store does not have them

    SegmentPtr lastSegment_;
    std::uint64_t lastOffset_ = 0;  ///< where the committed part of lastSegment_ ends
    std::size_t nextCapacity_;

    std::uint64_t batchBegin_ = 0;  ///< where in the extent the open batch's header is
    std::uint32_t batchCount_ = 0;  ///< messages in the open batch; 0: none is open
    std::size_t memoryBytes_ = 0;   ///< of the extents in memory, as trim() counts
};

}  // namespace nsq::storage
