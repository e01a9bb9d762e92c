#include "storage/topic_log.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "checksum/crc32c.h"
#include "nsq/sdk/message.h"
#include "storage/batch.h"
#include "storage/topic_directory.h"

namespace nsq::storage {

namespace frame = sdk::frame;

namespace {

/// A topic's first block is small, so that thousands of quiet topics cost little; each next one is twice as
/// large up to the most, which amortises allocation and is still returned soon (chosen, bytes).
constexpr std::size_t kFirstCapacity = 1024;
constexpr std::size_t kMostCapacity = 262144;

/// What the newest messages of a topic may take of memory, however few they are (chosen, bytes).
constexpr std::size_t kMostMemory = 4 << 20;

/// Batches are found by 32-bit offsets.
constexpr std::uint64_t kMostBytesPerFile = UINT32_MAX;

/// Two hex digits for every byte value.
constexpr auto kHexPairs = [] {
    std::array<char, 512> pairs{};
    for (std::size_t i = 0; i < 256; ++i) {
        pairs[2 * i] = "0123456789abcdef"[i >> 4];
        pairs[2 * i + 1] = "0123456789abcdef"[i & 15];
    }
    return pairs;
}();

void writeHex(std::byte* to, std::uint64_t value) {
    for (int shift = 56; shift >= 0; shift -= 8, to += 2) {
        std::memcpy(to, &kHexPairs[2 * (value >> shift & 255)], 2);
    }
}

std::size_t encodedSize(sdk::Bytes body) {
    return frame::kBodyOffset + body.size();
}

std::size_t encodedSize(std::span<const sdk::Bytes> bodies) {
    std::size_t sum = 0;
    for (const sdk::Bytes body : bodies) sum += encodedSize(body);
    return sum;
}

LogConfig checked(LogConfig config) {
    config.maxBytesPerFile = std::min(config.maxBytesPerFile, kMostBytesPerFile);
    return config;
}

}  // namespace

TopicLog::TopicLog(std::uint64_t firstSeq, LogConfig config, std::shared_ptr<LogStore> store)
    : config_(checked(std::move(config))),
      store_(std::move(store)),
      idPrefix_(static_cast<std::uint64_t>(config_.nodeId) << kSeqBits),
      nextSeq_(firstSeq),
      nextCapacity_(kFirstCapacity) {
    if (isFile()) {
        beginSegment();
    } else {
        // Readers follow the extents: there must be one to begin with.
        openExtent(0);
        publish();
    }
}

void TopicLog::resume(const LogEnd& end, std::uint64_t nextSeq) {
    index_ = committedIndex_ = end.index;
    newSegments_.clear();
    const std::vector<SegmentPtr> segments = store_->segments();
    lastSegment_ = segments.empty() ? nullptr : segments.back();
    // Files are read in the order of their names: no number may be below that of the last one.
    skipTo(std::max(nextSeq, lastSegment_ ? lastSegment_->firstSeq() : 0));
    if (!end.segment) return beginSegment();
    lastSegment_ = end.segment;
    lastOffset_ = end.offset;
}

/// What a segment after `previous` is called. A segment of copies only has used no sequence number.
std::uint64_t TopicLog::nameAfter(const SegmentPtr& previous) const {
    return previous ? std::max(nextSeq_, previous->firstSeq() + 1) : nextSeq_;
}

SegmentPtr TopicLog::newSegment(std::uint64_t name) {
    return newSegments_.emplace_back(Segment::create(segmentFile(config_.directory, name), name, index_));
}

void TopicLog::beginSegment() {
    lastSegment_ = newSegment(nameAfter(lastSegment_));
    lastOffset_ = disk::kFirstBatch;
}

// ---- appending

/// A new extent with room for a batch of `bytes` of frames.
void TopicLog::openExtent(std::size_t bytes) {
    closeBatch();
    const std::uint64_t needed = bytes + sizeof(disk::BatchHeader);
    std::uint64_t capacity = std::max<std::uint64_t>(nextCapacity_, needed);
    nextCapacity_ = std::min(2 * nextCapacity_, kMostCapacity);
    if (!isFile()) {
        Block* const block = Block::create(capacity, store_->account());
        open_.emplace_back(new Extent(Segment::inMemory(nextSeq_, block), 0, block));
    } else {
        SegmentPtr segment = open_.empty() ? lastSegment_ : open_.back()->segment;
        std::uint64_t offset = open_.empty() ? lastOffset_ : open_.back()->offset + open_.back()->used;
        if (offset > disk::kFirstBatch && offset + needed > config_.maxBytesPerFile) {
            segment = newSegment(nameAfter(segment));
            offset = disk::kFirstBatch;
        }
        const std::uint64_t left = config_.maxBytesPerFile - std::min(offset, config_.maxBytesPerFile);
        capacity = std::max(needed, std::min(capacity, left));
        open_.emplace_back(new Extent(segment, offset, Block::create(capacity, store_->account())));
    }
    open_.back()->firstIndex = index_;
    memoryBytes_ += open_.back()->block->capacity();
}

void TopicLog::openBatch(const BatchKind& kind) {
    Extent& extent = *open_.back();
    const disk::BatchHeader header{kind.magic, 0, 0, 0, 0, 0, kind.firstSeq, index_, kind.dueNs};
    batchBegin_ = extent.used;
    std::memcpy(extent.block->data() + extent.used, &header, sizeof header);
    extent.used += sizeof header;
}

void TopicLog::closeBatch() {
    if (batchCount_ == 0) return;
    Extent& extent = *open_.back();
    disk::BatchHeader header;
    std::byte* const at = extent.block->data() + batchBegin_;
    std::memcpy(&header, at, sizeof header);
    header.bytes = static_cast<std::uint32_t>(extent.used - batchBegin_ - sizeof header);
    header.count = batchCount_;
    if (isFile()) {
        header.framesCrc = crc32c({at + sizeof header, header.bytes});
        sealHeader(header, extent.segment->knownSalt());
    }
    std::memcpy(at, &header, sizeof header);
    batchCount_ = 0;
}

/// Room for `bytes` of frames: in the open batch, if they may go on there.
std::byte* TopicLog::reserve(std::size_t bytes, const BatchKind& kind) {
    // A batch that is open is a fresh one: the others are closed as soon as they are filled.
    if (kind.magic != disk::kFreshBatch) closeBatch();
    const std::size_t needed = bytes + (batchCount_ == 0 ? sizeof(disk::BatchHeader) : 0);
    if (open_.empty() || open_.back()->block->capacity() - open_.back()->used < needed) openExtent(bytes);
    if (batchCount_ == 0) openBatch(kind);
    Extent& extent = *open_.back();
    std::byte* const at = extent.block->data() + extent.used;
    extent.used += bytes;
    return at;
}

std::byte* TopicLog::encode(std::byte* to, sdk::Bytes body, std::int64_t timestampNs,
                            std::uint16_t attempts) {
    const std::size_t size = encodedSize(body);
    sdk::storeBig(to, static_cast<std::int32_t>(size - frame::kSizeBytes));
    sdk::storeBig(to + frame::kSizeBytes, frame::kTypeMessage);
    sdk::storeBig(to + frame::kTimestampOffset, timestampNs);
    sdk::storeBig(to + frame::kAttemptsOffset, attempts);
    writeHex(to + frame::kIdOffset, idPrefix_ | nextSeq_++);
    std::memcpy(to + frame::kBodyOffset, body.data(), body.size());
    return to + size;
}

void TopicLog::skipTo(std::uint64_t nextSeq) {
    if (nextSeq <= nextSeq_) return;
    closeBatch();
    nextSeq_ = nextSeq;
}

void TopicLog::count(std::size_t messages) {
    batchCount_ += static_cast<std::uint32_t>(messages);
    appended_ += messages;
}

BatchPlace TopicLog::batchPlace() const {
    const Extent& extent = *open_.back();
    return {SegmentHold{extent.segment}, static_cast<std::uint32_t>(extent.offset + batchBegin_)};
}

void TopicLog::append(std::span<const sdk::Bytes> bodies, std::int64_t timestampNs) {
    if (bodies.empty()) return;
    std::byte* to = reserve(encodedSize(bodies), {disk::kFreshBatch, nextSeq_});
    for (const sdk::Bytes body : bodies) to = encode(to, body, timestampNs, 1);
    count(bodies.size());
    index_ += bodies.size();
}

void TopicLog::import(std::span<const Imported> messages) {
    if (messages.empty()) return;
    std::size_t bytes = 0;
    for (const Imported& message : messages) bytes += encodedSize(message.body);
    std::byte* to = reserve(bytes, {disk::kFreshBatch, nextSeq_});
    for (const Imported& message : messages) {
        const auto next = static_cast<std::uint16_t>(std::min(message.attempts + 1, UINT16_MAX));
        to = encode(to, message.body, message.timestampNs, next);
    }
    count(messages.size());
    index_ += messages.size();
}

std::vector<LogMessage> TopicLog::appendDeferred(std::span<const sdk::Bytes> bodies, std::int64_t timestampNs,
                                                 std::int64_t dueNs) {
    std::vector<LogMessage> stored;
    if (bodies.empty()) return stored;
    stored.reserve(bodies.size());
    std::byte* to = reserve(encodedSize(bodies), {disk::kDeferredBatch, nextSeq_, dueNs});
    for (const sdk::Bytes body : bodies) {
        stored.push_back({nextSeq_, batchPlace()});
        to = encode(to, body, timestampNs, 1);
    }
    count(bodies.size());
    closeBatch();
    if (!isFile()) {
        // They may stay for an hour: alone, not with the whole block.
        for (LogMessage& message : stored) {
            const Location at{open_.back()->owner, to - encodedSize(bodies)};
            const std::uint64_t position = message.seq - stored.front().seq;
            message.place =
                copyInMemory(message.seq, {at.owner, frameAt(at.frame, position)}, store_->account());
        }
    }
    return stored;
}

LogMessage TopicLog::move(std::uint64_t seq, sdk::Bytes bytes, std::int64_t dueNs) {
    std::memcpy(reserve(bytes.size(), {disk::kMovedBatch, seq, dueNs}), bytes.data(), bytes.size());
    LogMessage moved{seq, batchPlace()};
    count(1);
    closeBatch();
    return moved;
}

// ---- committing

/// Writes what the file does not have of the extent's first `bytes`.
sdk::Result<void> TopicLog::writeOut(Extent& extent, std::size_t bytes) {
    if (extent.segment->isAbandoned()) extent.written = bytes;
    if (extent.written >= bytes) return {};
    const sdk::Bytes piece{extent.block->data() + extent.written, bytes - extent.written};
    auto written = extent.segment->write(extent.offset + extent.written, {&piece, 1});
    if (written) extent.written = bytes;
    return written;
}

sdk::Result<void> TopicLog::commit() {
    closeBatch();
    if (committed_ == appended_) return {};
    if (isFile()) {
        sdk::Result<void> written;
        if (config_.writeThrough) {
            // Readers of the files stop before what is not committed.
            if (!lastCommitted_) store_->setMemory(open_.front());
            for (std::size_t i = 0; i < open_.size() && written; ++i)
                written = writeOut(*open_[i], open_[i]->used);
        } else {
            written = makeRoom();
        }
        if (!written) {
            rollBack();
            return written;
        }
    }
    publish();
    return {};
}

/// Writes what has to leave memory for what is being committed.
sdk::Result<void> TopicLog::makeRoom() {
    for (ExtentPtr extent = store_->memory(); extent && extent != lastCommitted_;) {
        Extent* const next = extent->next.load(std::memory_order_relaxed);
        if (!isOver(*next)) return {};
        if (auto written = writeOut(*extent, extent->used); !written) return written;
        extent = next;
    }
    return {};
}

/// True when what comes before `next` need not be in memory.
bool TopicLog::isOver(const Extent& next) const {
    return index_ - next.firstIndex >= config_.memoryMessages || memoryBytes_ > kMostMemory;
}

void TopicLog::publish() {
    for (SegmentPtr& segment : newSegments_) {
        // The last one may be there only because a file must be named before its first message.
        if (std::ranges::any_of(open_, [&](const ExtentPtr& extent) { return extent->segment == segment; })) {
            store_->add(std::move(segment));
            segment = nullptr;
        }
    }
    std::erase(newSegments_, nullptr);
    for (const ExtentPtr& extent : open_) {
        extent->committed.store(extent->used, std::memory_order_release);
        if (extent == lastCommitted_) continue;
        if (lastCommitted_) {
            intrusive_ptr_add_ref(extent.get());
            lastCommitted_->next.store(extent.get(), std::memory_order_release);
        } else if (isFile()) {
            store_->setMemory(extent);
        }
        lastCommitted_ = extent;
    }
    lastSegment_ = lastCommitted_->segment;
    lastOffset_ = lastCommitted_->offset + lastCommitted_->used;
    open_.erase(open_.begin(), std::prev(open_.end()));
    if (!isFile()) memoryBytes_ = lastCommitted_->block->capacity();
    committedIndex_ = index_;
    committed_ = appended_;
}

void TopicLog::rollBack() {
    batchCount_ = 0;
    for (const ExtentPtr& extent : open_) {
        if (extent != lastCommitted_) memoryBytes_ -= extent->block->capacity();
    }
    const ExtentPtr shown = lastCommitted_ ? nullptr : open_.front();
    std::erase_if(open_, [&](const ExtentPtr& extent) { return extent != lastCommitted_; });
    if (lastCommitted_) {
        lastCommitted_->used = lastCommitted_->committed.load(std::memory_order_relaxed);
        lastCommitted_->written = std::min(lastCommitted_->written, lastCommitted_->used);
    }
    if (lastSegment_->isWritten() && lastSegment_->size() > lastOffset_) lastSegment_->cut(lastOffset_);
    for (const SegmentPtr& segment : newSegments_) {
        if (segment->isWritten()) segment->cut(0);  // the next write makes it anew
        std::error_code ignored;
        std::filesystem::remove(segment->path(), ignored);
        segment->rest();
    }
    std::erase_if(newSegments_, [&](const SegmentPtr& segment) { return segment != lastSegment_; });
    if (shown) {
        shown->detached.store(true, std::memory_order_release);
        store_->setMemory(nullptr);
    }
    index_ = committedIndex_;
    committed_ = appended_;
}

sdk::Result<void> TopicLog::writeAll() {
    if (!isFile()) return {};
    for (ExtentPtr extent = store_->memory(); extent; extent = extent->next.load(std::memory_order_relaxed)) {
        const std::size_t committed = extent->committed.load(std::memory_order_relaxed);
        if (auto written = writeOut(*extent, committed); !written) return written;
    }
    return {};
}

// ---- memory and files

bool TopicLog::trim() {
    if (!isFile()) return false;
    const ExtentPtr before = store_->memory();
    ExtentPtr extent = before;
    while (extent && extent != lastCommitted_ && extent->written == extent->used) {
        Extent* const next = extent->next.load(std::memory_order_relaxed);
        if (!isOver(*next)) break;
        memoryBytes_ -= extent->block->capacity();
        extent = next;
    }
    if (extent == before) return false;
    store_->setMemory(extent);
    return true;
}

void TopicLog::rest() {
    if (!isFile() || committed_ != appended_) return;
    for (ExtentPtr extent = store_->memory(); extent; extent = extent->next.load(std::memory_order_relaxed)) {
        if (extent->written != extent->used) return;
    }
    forgetMemory();
    nextCapacity_ = kFirstCapacity;
    for (const SegmentPtr& segment : store_->segments()) segment->rest();
}

void TopicLog::beginFile() {
    if (!isFile() || committed_ != appended_ || !newSegments_.empty()) return;
    forgetMemory();  // nobody needs what is in memory only
    beginSegment();
}

void TopicLog::abandon() {
    batchCount_ = 0;
    newSegments_.clear();
    committed_ = appended_;
    store_->releaseAll();
    forgetMemory();
}

/// Readers find what comes next in the files.
void TopicLog::forgetMemory() {
    if (lastCommitted_) lastCommitted_->detached.store(true, std::memory_order_release);
    store_->setMemory(nullptr);
    lastCommitted_ = nullptr;
    open_.clear();
    memoryBytes_ = 0;
}

LogCursor TopicLog::end() const {
    LogCursor cursor;
    cursor.segment = lastSegment_;
    cursor.offset = lastOffset_;
    cursor.extent = lastCommitted_;
    cursor.index = committedIndex_;
    return cursor;
}

}  // namespace nsq::storage
