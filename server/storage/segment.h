#pragma once

#include <boost/smart_ptr/intrusive_ptr.hpp>

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <span>

#include "nsq/sdk/shared_buffer.h"
#include "storage/block.h"
#include "storage/file_io.h"

namespace nsq::storage {

class Segment;
using SegmentPtr = boost::intrusive_ptr<Segment>;

/// A stretch of a topic's log: a file, or, for what never touches the disk, a block of memory. It lives as
/// long as somebody needs its bytes; who needs messages of it that are not in the log's order any more has a
/// SegmentHold. THREAD: any, but for what is said otherwise.
class Segment {
public:
    /// A new file, made with the first write.
    static SegmentPtr create(std::filesystem::path path, std::uint64_t firstSeq, std::uint64_t firstIndex);

    /// A file of an earlier run, of `size` bytes. It is not opened yet.
    static SegmentPtr existing(std::filesystem::path path, std::uint64_t firstSeq, std::uint64_t size);

    /// Memory only: `block` is all of it.
    static SegmentPtr inMemory(std::uint64_t firstSeq, Block* block);

    Segment(const Segment&) = delete;
    Segment& operator=(const Segment&) = delete;

    bool isInMemory() const { return block_ != nullptr; }
    const std::filesystem::path& path() const { return path_; }

    /// Orders the segments of a topic.
    std::uint64_t firstSeq() const { return firstSeq_; }

    /// Where the written part ends, in bytes.
    std::uint64_t size() const { return size_.load(std::memory_order_acquire); }

    /// Whether the file exists.
    bool isWritten() const { return size() > 0; }

    /// Writes `pieces` one after the other at `offset`, which becomes size() and more. On failure size()
    /// stays and the file is cut there. kStorage. THREAD: the topic's lock.
    sdk::Result<void> write(std::uint64_t offset, std::span<const sdk::Bytes> pieces);

    /// Cuts the file at `size`. THREAD: the topic's lock.
    void cut(std::uint64_t size);

    /// Reads up to `to.size()` bytes at `offset`; fewer only where the file ends. kStorage.
    sdk::Result<std::size_t> read(std::uint64_t offset, std::span<std::byte> to);

    /// A sync failed: what was written may never come to the disk. The header is written again before the
    /// next sync.
    void distrust() { headerDue_.store(true, std::memory_order_release); }

    /// Waits until all that was written before is on the disk. kStorage.
    sdk::Result<void> sync();

    /// The number that enters the checksums of its batch headers. kStorage when it cannot be read,
    /// nothing when both headers are damaged.
    sdk::Result<std::optional<std::uint32_t>> salt();

    /// The same, of a segment made in this run or asked before.
    std::uint32_t knownSalt() const {
        return static_cast<std::uint32_t>(salt_.load(std::memory_order_relaxed));
    }

    /// Closes the file until it is used again.
    void rest();

    /// For segments in memory.
    const sdk::BufferRef& owner() const { return owner_; }
    const std::byte* memory() const { return block_->data(); }

    /// Nobody wants it any more: what is not written yet need not be.
    void abandon() { abandoned_.store(true, std::memory_order_release); }
    bool isAbandoned() const { return abandoned_.load(std::memory_order_acquire); }

    /// How many SegmentHolds there are.
    std::uint32_t holds() const { return holds_.load(std::memory_order_acquire); }

private:
    friend class SegmentHold;
    friend void intrusive_ptr_add_ref(Segment* segment);
    friend void intrusive_ptr_release(Segment* segment);

    Segment(std::filesystem::path path, std::uint64_t firstSeq);
    ~Segment();

    sdk::Result<std::shared_ptr<File>> file(bool create);
    sdk::Result<void> writeHeader(const File& file);
    sdk::Result<void> renewHeader(const File& file);

    const std::filesystem::path path_;
    const std::uint64_t firstSeq_;
    std::atomic<std::uint64_t> firstIndex_{0};
    std::atomic<std::uint64_t> size_{0};
    std::atomic<std::uint32_t> references_{0};
    std::atomic<std::uint32_t> holds_{0};
    std::atomic<bool> abandoned_{false};
    std::atomic<bool> headerDue_{false};

    static constexpr std::uint64_t kUnknownSalt = std::uint64_t{1} << 32;
    std::atomic<std::uint64_t> salt_{kUnknownSalt};

    std::mutex mutex_;  ///< guards file_
    std::shared_ptr<File> file_;

    Block* block_ = nullptr;
    sdk::BufferRef owner_;
};

void intrusive_ptr_add_ref(Segment* segment);
void intrusive_ptr_release(Segment* segment);

/// Keeps a segment from being removed as long as messages of it may be wanted again.
class SegmentHold {
public:
    SegmentHold() = default;
    explicit SegmentHold(SegmentPtr segment) : segment_(std::move(segment)) { hold(); }
    SegmentHold(const SegmentHold& other) : segment_(other.segment_) { hold(); }
    SegmentHold(SegmentHold&& other) noexcept = default;
    ~SegmentHold() { let(); }

    SegmentHold& operator=(SegmentHold other) noexcept {
        segment_.swap(other.segment_);
        return *this;
    }

    Segment* get() const { return segment_.get(); }
    Segment* operator->() const { return segment_.get(); }
    const SegmentPtr& pointer() const { return segment_; }

private:
    void hold() {
        if (segment_) segment_->holds_.fetch_add(1, std::memory_order_relaxed);
    }
    void let() {
        if (segment_) segment_->holds_.fetch_sub(1, std::memory_order_release);
    }

    SegmentPtr segment_;
};

}  // namespace nsq::storage
