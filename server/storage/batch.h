#pragma once

#include <cstdint>

#include "nsq/sdk/bytes.h"
#include "storage/disk_format.h"

namespace nsq::storage {

/// Gives a batch header its checksum. `salt` is the segment's.
void sealHeader(disk::BatchHeader& header, std::uint32_t salt);

/// True when `header` is that of a batch, of a segment with `salt`.
bool isIntact(const disk::BatchHeader& header, std::uint32_t salt);

/// What `bytes` begin with.
enum class BatchFound {
    kIntact,      ///< a whole batch
    kIncomplete,  ///< an intact header, but not all of the frames
    kBadFrames,   ///< an intact header before damaged frames
    kBadHeader,   ///< neither, or too few bytes to tell
};
BatchFound examineBatch(sdk::Bytes bytes, std::uint32_t salt, disk::BatchHeader& header);

/// Size of a batch with its header.
inline std::uint64_t batchSize(const disk::BatchHeader& header) {
    return sizeof header + std::uint64_t{header.bytes};
}

/// Size of a frame, its size field included.
std::size_t frameSize(const std::byte* frame);

/// The frame of message `position` of a batch or run.
const std::byte* frameAt(const std::byte* first, std::uint64_t position);

}  // namespace nsq::storage
