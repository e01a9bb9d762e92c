#include "storage/topic_log.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "nsq/sdk/message.h"
#include "storage/disk_format.h"

namespace nsq::storage {

namespace frame = sdk::frame;

namespace {

/// A topic's first block is small, so that thousands of quiet topics cost little; each next one is twice as
/// large up to the most, which amortises allocation and is still returned soon (chosen, bytes).
constexpr std::size_t kFirstCapacity = 4096;
constexpr std::size_t kMostCapacity = 262144;

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

}  // namespace

void intrusive_ptr_add_ref(Extent* extent) {
    extent->references.fetch_add(1, std::memory_order_relaxed);
}

void intrusive_ptr_release(Extent* extent) {
    // A loop, not recursion through `next`: a chain can be millions long.
    while (extent != nullptr && extent->references.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        Extent* next = extent->next.load(std::memory_order_relaxed);
        delete extent;
        extent = next;
    }
}

TopicLog::TopicLog(std::uint64_t firstSeq, int nodeId, MemoryAccount account)
    : idPrefix_(static_cast<std::uint64_t>(nodeId) << kSeqBits),
      account_(std::move(account)),
      nextSeq_(firstSeq),
      tail_(new Extent(Block::create(kFirstCapacity, account_))),
      nextCapacity_(2 * kFirstCapacity) {}

std::byte* TopicLog::encode(std::byte* to, sdk::Bytes body, std::int64_t timestampNs) {
    const std::size_t size = encodedSize(body);
    sdk::storeBig(to, static_cast<std::int32_t>(size - frame::kSizeBytes));
    sdk::storeBig(to + frame::kSizeBytes, frame::kTypeMessage);
    sdk::storeBig(to + frame::kTimestampOffset, timestampNs);
    sdk::storeBig(to + frame::kAttemptsOffset, std::uint16_t{1});
    writeHex(to + frame::kIdOffset, idPrefix_ | nextSeq_++);
    std::memcpy(to + frame::kBodyOffset, body.data(), body.size());
    return to + size;
}

void TopicLog::closeBatch() {
    if (batchCount_ == 0) return;
    disk::BatchHeader header;
    std::byte* const at = tail_->block->data() + batchBegin_;
    std::memcpy(&header, at, sizeof header);
    header.bytes = static_cast<std::uint32_t>(used_ - batchBegin_ - sizeof header);
    header.count = batchCount_;
    std::memcpy(at, &header, sizeof header);
    batchCount_ = 0;
}

void TopicLog::openBatch() {
    const disk::BatchHeader header{disk::kBatchMagic, 0, 0, 0, nextSeq_};
    batchBegin_ = used_;
    std::memcpy(tail_->block->data() + used_, &header, sizeof header);
    used_ += sizeof header;
}

/// Room for `bytes` of frames in a batch that continues with nextSeq_.
std::byte* TopicLog::reserve(std::size_t bytes) {
    const std::size_t needed = bytes + (batchCount_ == 0 ? sizeof(disk::BatchHeader) : 0);
    if (tail_->block->capacity() - used_ < needed) {
        closeBatch();
        const std::size_t capacity = std::max(nextCapacity_, bytes + sizeof(disk::BatchHeader));
        nextCapacity_ = std::min(2 * nextCapacity_, kMostCapacity);
        ExtentPtr fresh{new Extent(Block::create(capacity, account_))};
        intrusive_ptr_add_ref(fresh.get());
        tail_->next.store(fresh.get(), std::memory_order_release);
        filled_.push_back(tail_);
        filledBytes_.push_back(used_);
        tail_ = std::move(fresh);
        used_ = 0;
    }
    if (batchCount_ == 0) openBatch();
    std::byte* const at = tail_->block->data() + used_;
    used_ += bytes;
    return at;
}

void TopicLog::append(std::span<const sdk::Bytes> bodies, std::int64_t timestampNs) {
    std::byte* to = reserve(encodedSize(bodies));
    for (const sdk::Bytes body : bodies) to = encode(to, body, timestampNs);
    batchCount_ += static_cast<std::uint32_t>(bodies.size());
    appendedIndex_ += bodies.size();
}

void TopicLog::restore(std::uint64_t firstSeq, std::uint32_t count, sdk::Bytes frames) {
    closeBatch();
    nextSeq_ = firstSeq;
    std::memcpy(reserve(frames.size()), frames.data(), frames.size());
    nextSeq_ += count;
    batchCount_ = count;
    appendedIndex_ += count;
    closeBatch();
}

std::vector<LogMessage> TopicLog::store(std::span<const sdk::Bytes> bodies, std::int64_t timestampNs) {
    // The open batch's numbers have no gap; these take the next ones.
    closeBatch();
    std::vector<LogMessage> stored;
    stored.reserve(bodies.size());
    for (const sdk::Bytes body : bodies) {
        const std::size_t size = encodedSize(body);
        if (sideLeft_ < size) {
            sideLeft_ = std::max(size, kFirstCapacity);
            Block* const block = Block::create(sideLeft_, account_);
            side_ = sdk::BufferRef{block};
            sideNext_ = block->data();
        }
        stored.push_back({nextSeq_, {side_, sideNext_}});
        sideNext_ = encode(sideNext_, body, timestampNs);
        sideLeft_ -= size;
    }
    if (sideLeft_ <= frame::kBodyOffset) {
        // Full: only its messages keep it.
        side_ = {};
        sideLeft_ = 0;
    }
    return stored;
}

LogMessage TopicLog::restoreMessage(std::uint64_t seq, sdk::Bytes frame) {
    Block* const block = Block::create(frame.size(), account_);
    sdk::BufferRef owner{block};
    std::memcpy(block->data(), frame.data(), frame.size());
    skipTo(seq + 1);
    return {seq, {std::move(owner), block->data()}};
}

bool TopicLog::commit() {
    closeBatch();
    if (committedIndex_ == appendedIndex_) return false;
    for (std::size_t i = 0; i < filled_.size(); ++i) {
        filled_[i]->committed.store(filledBytes_[i], std::memory_order_release);
    }
    filled_.clear();
    filledBytes_.clear();
    tail_->committed.store(used_, std::memory_order_release);
    committedIndex_ = appendedIndex_;
    return true;
}

LogCursor TopicLog::end() const {
    LogCursor cursor;
    cursor.index = committedIndex_;
    if (filled_.empty()) {
        cursor.extent = tail_;
    } else {
        cursor.extent = filled_.front();
    }
    cursor.offset = cursor.extent->committed.load(std::memory_order_relaxed);
    return cursor;
}

namespace {

/// Makes a frame of `cursor` the next thing: steps into the next extent and over a batch header.
void enterBatch(LogCursor& cursor) {
    if (cursor.batchLeft != 0) return;
    while (cursor.offset == cursor.extent->committed.load(std::memory_order_acquire)) {
        cursor.extent = ExtentPtr{cursor.extent->next.load(std::memory_order_acquire)};
        cursor.offset = 0;
    }
    disk::BatchHeader header;
    std::memcpy(&header, cursor.extent->block->data() + cursor.offset, sizeof header);
    cursor.offset += sizeof header;
    cursor.batchEnd = cursor.offset + header.bytes;
    cursor.batchLeft = header.count;
    cursor.seq = header.firstSeq;
}

}  // namespace

LogRun readRun(LogCursor& cursor, std::uint64_t maxMessages, std::size_t maxBytes) {
    enterBatch(cursor);
    LogRun run;
    run.first = {cursor.extent->owner, cursor.extent->block->data() + cursor.offset};
    run.firstSeq = cursor.seq;
    if (cursor.batchLeft <= maxMessages && cursor.batchEnd - cursor.offset <= maxBytes) {
        run.count = cursor.batchLeft;
        run.bytes = cursor.batchEnd - cursor.offset;
    } else {
        const std::uint64_t most = std::min<std::uint64_t>(maxMessages, cursor.batchLeft);
        do {
            run.bytes += frameSize(run.first.frame + run.bytes);
            ++run.count;
        } while (run.count < most && run.bytes + frameSize(run.first.frame + run.bytes) <= maxBytes);
    }
    cursor.offset += run.bytes;
    cursor.batchLeft -= run.count;
    cursor.seq += run.count;
    cursor.index += run.count;
    return run;
}

std::size_t nextSize(LogCursor& cursor) {
    enterBatch(cursor);
    return frameSize(cursor.extent->block->data() + cursor.offset);
}

void skip(LogCursor& cursor, std::uint64_t count) {
    while (count > 0) count -= readRun(cursor, count, SIZE_MAX).count;
}

const std::byte* frameAt(const std::byte* first, std::uint32_t position) {
    for (; position > 0; --position) first += frameSize(first);
    return first;
}

std::size_t frameSize(const std::byte* frame) {
    return static_cast<std::size_t>(sdk::loadBig<std::int32_t>(frame)) + frame::kSizeBytes;
}

Location copyOf(const Location& message, const MemoryAccount& account) {
    const std::size_t size = frameSize(message.frame);
    Block* const block = Block::create(size, account);
    sdk::BufferRef owner{block};
    std::memcpy(block->data(), message.frame, size);
    return {std::move(owner), block->data()};
}

}  // namespace nsq::storage
