#pragma once

#include <cstdint>
#include <type_traits>

namespace nsq::storage {

/// The layout of a topic's files and of its memory tail; README.md beside this file explains it. Integers are
/// little-endian (bytes.h asserts the host is), but for the message frames, which are as the V2 protocol has
/// them.
namespace disk {

inline constexpr std::uint32_t kVersion = 2;
inline constexpr std::uint64_t kSegmentMagic = 0x32474f4c4451534e;  // "NSQDLOG2"
inline constexpr std::uint32_t kStateMagic = 0x5351534e;            // "NSQS"

/// What kind of batch begins here.
inline constexpr std::uint32_t kFreshBatch = 0x4251534e;     // "NSQB": messages in the log's order
inline constexpr std::uint32_t kDeferredBatch = 0x4451534e;  // "NSQD": new messages that wait for dueNs
inline constexpr std::uint32_t kMovedBatch =
    0x4d51534e;  // "NSQM": old messages, out of a segment to be removed

/// A segment file `<first-seq>.log` begins with two copies of this, so that damage to one is harmless.
struct SegmentHeader {
    std::uint64_t magic;
    std::uint32_t version;
    std::uint32_t
        salt;  ///< random; enters the headers' checksums, so that no message body can look like a batch
    std::uint64_t firstSeq;    ///< as in the file's name; orders the segments
    std::uint64_t firstIndex;  ///< how many messages of the topic came before, in the log's order
    std::uint32_t crc;         ///< CRC-32C of all before this field
    std::uint32_t reserved;    ///< 0
};

/// `count` message frames with sequence numbers from `firstSeq` on without a gap follow. Between batches
/// there may be gaps.
struct BatchHeader {
    std::uint32_t magic;
    std::uint32_t headerCrc;  ///< CRC-32C of the segment's salt and of what follows this field in the header
    std::uint32_t framesCrc;  ///< CRC-32C of the frames
    std::uint32_t bytes;      ///< size of the frames
    std::uint32_t count;
    std::uint32_t reserved;  ///< 0
    std::uint64_t firstSeq;
    std::uint64_t firstIndex;  ///< how many messages of the topic come before, in the log's order
    std::int64_t dueNs;        ///< nanoseconds since the Unix epoch; 0 in fresh batches
};

/// A record of a topic's state file; state_journal.h says what is in it.
struct StateRecordHeader {
    std::uint32_t magic;
    std::uint32_t crc;  ///< CRC-32C of what follows this field to the record's end
    std::uint32_t version;
    std::uint32_t serial;  ///< 0: everything; n: what changed since record n - 1
    std::uint64_t bytes;   ///< size of what follows the header
};

static_assert(std::has_unique_object_representations_v<SegmentHeader> && sizeof(SegmentHeader) == 40);
static_assert(std::has_unique_object_representations_v<BatchHeader> && sizeof(BatchHeader) == 48);
static_assert(std::has_unique_object_representations_v<StateRecordHeader> && sizeof(StateRecordHeader) == 24);

/// Where the first batch of a segment is.
inline constexpr std::uint64_t kFirstBatch = 2 * sizeof(SegmentHeader);

/// Where the checksummed part of a batch header begins.
inline constexpr std::size_t kBatchCrcBegin = 8;

/// Where that of a state record begins.
inline constexpr std::size_t kStateCrcBegin = 8;

}  // namespace disk

}  // namespace nsq::storage
