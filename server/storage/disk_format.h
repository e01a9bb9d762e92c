#pragma once

#include <cstdint>
#include <type_traits>

namespace nsq::storage {

/// The layout of a topic's files and of its memory tail. Integers are little-endian (bytes.h asserts the host
/// is), but for the message frames, which are as the V2 protocol has them.
///
/// A segment file `<first-seq>.log` is a SegmentHeader and then batches. A batch is a BatchHeader and then
/// `count` message frames with sequence numbers from `firstSeq` on without a gap. Between batches there may
/// be gaps. `pending.log` has the same layout: messages some channel has taken but not finished, as batches
/// of one.
namespace disk {

inline constexpr std::uint32_t kVersion = 1;
inline constexpr std::uint64_t kSegmentMagic = 0x31474f4c4451534e;  // "NSQDLOG1"
inline constexpr std::uint64_t kStateMagic = 0x314154534451534e;    // "NSQDSTA1"
inline constexpr std::uint32_t kBatchMagic = 0x4251534e;            // "NSQB"

struct SegmentHeader {
    std::uint64_t magic;
    std::uint32_t version;
    std::uint32_t reserved;  ///< 0
    std::uint64_t firstSeq;
};

struct BatchHeader {
    std::uint32_t magic;
    std::uint32_t crc;  ///< CRC-32C of what follows this field to the batch's end; set when written to a file
    std::uint32_t bytes;  ///< size of the frames
    std::uint32_t count;
    std::uint64_t firstSeq;
};

/// A state file: this, and `pendingCount` PendingRecords. See state_file.h for what it is about.
struct StateHeader {
    std::uint64_t magic;
    std::uint32_t version;
    std::uint32_t crc;  ///< CRC-32C of what follows this field to the file's end
    std::uint64_t nextSeq;
    std::uint64_t cursorSeq;
    std::uint64_t pendingCount;
};

struct PendingRecord {
    std::uint64_t seq;
    std::int64_t dueNs;  ///< nanoseconds since the Unix epoch; 0: at once
    std::uint32_t attempts;
    std::uint32_t reserved;  ///< 0
};

static_assert(std::has_unique_object_representations_v<SegmentHeader> && sizeof(SegmentHeader) == 24);
static_assert(std::has_unique_object_representations_v<BatchHeader> && sizeof(BatchHeader) == 24);
static_assert(std::has_unique_object_representations_v<StateHeader> && sizeof(StateHeader) == 40);
static_assert(std::has_unique_object_representations_v<PendingRecord> && sizeof(PendingRecord) == 24);

}  // namespace disk

}  // namespace nsq::storage
