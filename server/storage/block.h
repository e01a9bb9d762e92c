#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "nsq/sdk/shared_buffer.h"

namespace nsq::storage {

/// Bytes of memory a topic's messages take. Shared with the blocks, which may outlive the topic.
using MemoryAccount = std::shared_ptr<std::atomic<std::int64_t>>;

/// A piece of memory of fixed capacity that holds message frames, in one allocation with this header.
/// Written by the topic under its lock; bytes below what was committed never change and are read without one.
class Block final : public sdk::SharedBuffer {
public:
    /// `capacity` in bytes; counted in `account` until the last reference goes.
    static Block* create(std::size_t capacity, const MemoryAccount& account);

    std::byte* data() { return reinterpret_cast<std::byte*>(this + 1); }
    std::size_t capacity() const { return capacity_; }

private:
    Block(std::size_t capacity, const MemoryAccount& account);
    ~Block() override = default;
    void destroy() noexcept override;

    std::size_t capacity_;
    MemoryAccount account_;
};

/// One message frame in memory, and the share that keeps it there.
struct Location {
    sdk::BufferRef owner;
    const std::byte* frame = nullptr;
};

}  // namespace nsq::storage
