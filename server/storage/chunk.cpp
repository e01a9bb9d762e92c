#include "storage/chunk.h"

#include <algorithm>
#include <cstring>

#include "storage/batch.h"

namespace nsq::storage {

namespace {

/// Looked through at once for the next batch after damage (chosen, bytes).
constexpr std::size_t kSearchSize = 1 << 20;

/// The first place from `offset` on where an intact header is; `limit` when there is none.
sdk::Result<std::uint64_t> nextHeader(Segment& segment, std::uint64_t offset, std::uint64_t limit,
                                      std::uint32_t salt) {
    std::vector<std::byte> window(std::min<std::uint64_t>(kSearchSize, limit - offset));
    while (limit - offset >= sizeof(disk::BatchHeader)) {
        const std::size_t size = std::min<std::uint64_t>(window.size(), limit - offset);
        const auto got = segment.read(offset, std::span{window}.first(size));
        if (!got) return got.error();
        if (got.value() < sizeof(disk::BatchHeader)) break;
        const std::size_t last = got.value() - sizeof(disk::BatchHeader);
        for (std::size_t at = 0; at <= last; ++at) {
            disk::BatchHeader header;
            std::memcpy(&header, window.data() + at, sizeof header);
            if (isIntact(header, salt)) return offset + at;
        }
        if (got.value() < size) break;
        offset += last + 1;
    }
    return limit;
}

/// How many bytes of whole intact batches `bytes` begin with, and what follows them.
std::size_t intactBatches(sdk::Bytes bytes, std::uint32_t salt, BatchFound& then, disk::BatchHeader& header) {
    std::size_t good = 0;
    for (;;) {
        then = examineBatch(bytes.subspan(good), salt, header);
        if (then != BatchFound::kIntact) return good;
        good += batchSize(header);
    }
}

Chunk damaged(std::uint64_t from, std::uint64_t to, std::string what) {
    return {nullptr, {from, to, std::move(what)}};
}

/// What is at `offset`, where a batch should begin and `found` and `header` are.
sdk::Result<Chunk> damageAt(const SegmentPtr& segment, std::uint64_t offset, std::uint64_t limit,
                            std::uint32_t salt, BatchFound found, const disk::BatchHeader& header) {
    const std::uint64_t end = found == BatchFound::kBadFrames ? offset + batchSize(header) : limit;
    // Other batches may have been written over the rest of a torn one: they begin before it ends, or
    // even before its header does, when the bytes there happen to be the same.
    const std::uint64_t searchEnd = std::min(limit, end + sizeof header - 1);
    const auto next = nextHeader(*segment, offset + 1, searchEnd, salt);
    if (!next) return next.error();
    std::string what = "no batch";
    if (found == BatchFound::kIncomplete) what = "cut off in the middle of a batch";
    if (found == BatchFound::kBadFrames) what = std::to_string(header.count) + " damaged messages";
    return damaged(offset, std::min(next.value(), end), std::move(what));
}

}  // namespace

sdk::Result<Chunk> readChunk(const SegmentPtr& segment, std::uint64_t offset, std::uint64_t limit,
                             std::size_t wanted, const MemoryAccount& account) {
    const auto salt = segment->salt();
    if (!salt) return salt.error();
    if (!salt.value()) return damaged(offset, limit, "both headers of the file are damaged");
    for (std::size_t size = wanted;;) {
        size = std::min<std::uint64_t>(size, limit - offset);
        ExtentPtr extent{new Extent(segment, offset, Block::create(size, account))};
        const auto got = segment->read(offset, {extent->block->data(), size});
        if (!got) return got.error();
        BatchFound then{};
        disk::BatchHeader header{};
        const std::size_t good =
            intactBatches({extent->block->data(), got.value()}, *salt.value(), then, header);
        if (good > 0) {
            extent->committed.store(good, std::memory_order_release);
            extent->detached.store(true, std::memory_order_release);
            return Chunk{std::move(extent), {}};
        }
        const std::uint64_t end = offset + batchSize(header);
        if (then == BatchFound::kIncomplete && end <= limit && size < batchSize(header)) {
            size = batchSize(header);
            continue;
        }
        return damageAt(segment, offset, limit, *salt.value(), then, header);
    }
}

}  // namespace nsq::storage
