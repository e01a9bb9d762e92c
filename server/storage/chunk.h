#pragma once

#include <string>

#include "storage/extent.h"

namespace nsq::storage {

/// Bytes of a segment that belong to no intact batch.
struct Damage {
    std::uint64_t from = 0;
    std::uint64_t to = 0;
    std::string what;
};

/// A piece of a segment file.
struct Chunk {
    ExtentPtr extent;  ///< whole intact batches from `offset` on; null when there are none at that place
    Damage damage;     ///< without an extent: what is there instead
};

/// Reads whole batches of a segment file from `offset` on, where one should begin, but none from `limit` on:
/// about `wanted` bytes (a batch header or more), one batch at least. Every checksum is checked. kStorage
/// when the file cannot be read; what is damaged is no error. THREAD: any.
sdk::Result<Chunk> readChunk(const SegmentPtr& segment, std::uint64_t offset, std::uint64_t limit,
                             std::size_t wanted, const MemoryAccount& account);

}  // namespace nsq::storage
