#include "storage/batch.h"

#include "checksum/crc32c.h"
#include "nsq/sdk/message.h"

namespace nsq::storage {

namespace {

std::uint32_t headerCrc(const disk::BatchHeader& header, std::uint32_t salt) {
    // The salt stands in for the fields that are not covered.
    std::byte covered[sizeof header - disk::kBatchCrcBegin + sizeof salt];
    std::memcpy(covered, &salt, sizeof salt);
    std::memcpy(covered + sizeof salt, reinterpret_cast<const std::byte*>(&header) + disk::kBatchCrcBegin,
                sizeof header - disk::kBatchCrcBegin);
    return crc32c(covered) ^ header.magic;
}

/// True when `frames` are `count` message frames to the byte.
bool framesFit(sdk::Bytes frames, std::uint32_t count) {
    for (; count > 0; --count) {
        if (frames.size() < sdk::frame::kBodyOffset) return false;
        const std::size_t size = frameSize(frames.data());
        if (size < sdk::frame::kBodyOffset || size > frames.size()) return false;
        frames = frames.subspan(size);
    }
    return frames.empty();
}

}  // namespace

void sealHeader(disk::BatchHeader& header, std::uint32_t salt) {
    header.headerCrc = headerCrc(header, salt);
}

bool isIntact(const disk::BatchHeader& header, std::uint32_t salt) {
    const bool known = header.magic == disk::kFreshBatch || header.magic == disk::kDeferredBatch ||
                       header.magic == disk::kMovedBatch;
    return known && header.count > 0 && headerCrc(header, salt) == header.headerCrc;
}

BatchFound examineBatch(sdk::Bytes bytes, std::uint32_t salt, disk::BatchHeader& header) {
    if (bytes.size() < sizeof header) return BatchFound::kBadHeader;
    std::memcpy(&header, bytes.data(), sizeof header);
    if (!isIntact(header, salt)) return BatchFound::kBadHeader;
    if (bytes.size() < batchSize(header)) return BatchFound::kIncomplete;
    const sdk::Bytes frames = bytes.subspan(sizeof header, header.bytes);
    // The frames' checksum is right only if they are as they were written: framesFit then is a matter of
    // course, but what it spares is reading out of bounds.
    const bool intact = crc32c(frames) == header.framesCrc && framesFit(frames, header.count);
    return intact ? BatchFound::kIntact : BatchFound::kBadFrames;
}

std::size_t frameSize(const std::byte* frame) {
    return static_cast<std::size_t>(sdk::loadBig<std::int32_t>(frame)) + sdk::frame::kSizeBytes;
}

const std::byte* frameAt(const std::byte* first, std::uint64_t position) {
    for (; position > 0; --position) first += frameSize(first);
    return first;
}

}  // namespace nsq::storage
