#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

namespace nsq::sdk {

/// Memory with an owner count inside. Made by the host only; who holds a BufferRef may read the bytes it was
/// given with it, from any thread, for as long as it holds it.
class SharedBuffer {
public:
    SharedBuffer(const SharedBuffer&) = delete;
    SharedBuffer& operator=(const SharedBuffer&) = delete;

protected:
    SharedBuffer() = default;
    virtual ~SharedBuffer() = default;

    /// The last owner left. THREAD: any.
    virtual void destroy() noexcept = 0;

private:
    friend class BufferRef;
    std::atomic<std::uint32_t> owners_{0};
};

/// One share in a SharedBuffer, or in nothing. THREAD: copies may live on different threads; one copy is used
/// by one thread at a time.
class BufferRef {
public:
    BufferRef() = default;
    explicit BufferRef(SharedBuffer* buffer) : buffer_(buffer) { acquire(); }
    BufferRef(const BufferRef& other) : buffer_(other.buffer_) { acquire(); }
    BufferRef(BufferRef&& other) noexcept : buffer_(std::exchange(other.buffer_, nullptr)) {}
    ~BufferRef() { release(); }

    BufferRef& operator=(BufferRef other) noexcept {
        std::swap(buffer_, other.buffer_);
        return *this;
    }

    SharedBuffer* get() const { return buffer_; }
    explicit operator bool() const { return buffer_ != nullptr; }

private:
    void acquire() {
        if (buffer_ != nullptr) buffer_->owners_.fetch_add(1, std::memory_order_relaxed);
    }
    void release() {
        if (buffer_ != nullptr && buffer_->owners_.fetch_sub(1, std::memory_order_acq_rel) == 1)
            buffer_->destroy();
    }

    SharedBuffer* buffer_ = nullptr;
};

}  // namespace nsq::sdk
