#pragma once

#include <boost/smart_ptr/intrusive_ptr.hpp>

#include <atomic>
#include <cstdint>

#include "storage/block.h"
#include "storage/segment.h"

namespace nsq::storage {

/// A stretch of a segment in memory: one that is being appended to, or a copy of what a file has. The former
/// ones know the way to the next; who holds one then holds all that come after.
struct Extent {
    Extent(SegmentPtr ofSegment, std::uint64_t at, Block* memory)
        : segment(std::move(ofSegment)), offset(at), block(memory), owner(memory) {}

    const std::byte* at(std::uint64_t position) const { return block->data() + (position - offset); }
    std::uint64_t end() const { return offset + committed.load(std::memory_order_acquire); }
    bool has(std::uint64_t position) const { return position >= offset && position < end(); }

    const SegmentPtr segment;
    const std::uint64_t offset;  ///< where in the segment the block begins
    Block* const block;
    const sdk::BufferRef owner;
    std::atomic<std::size_t> committed{0};  ///< bytes of the block that readers may read
    /// Set once, after the last change of `committed`; holds one reference. Read it first, then `committed`.
    std::atomic<Extent*> next{nullptr};
    std::atomic<std::uint32_t> references{0};
    std::atomic<bool> detached{false};  ///< nothing will be linked to it: what comes after is found otherwise

    // The appender's.
    std::size_t used = 0;          ///< bytes appended
    std::size_t written = 0;       ///< of them, those the file has
    std::uint64_t firstIndex = 0;  ///< messages in the log's order before it
};

void intrusive_ptr_add_ref(Extent* extent);
void intrusive_ptr_release(Extent* extent);

using ExtentPtr = boost::intrusive_ptr<Extent>;

}  // namespace nsq::storage
