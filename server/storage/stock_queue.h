#pragma once

#include <compare>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nsq/sdk/result.h"

namespace nsq::storage {

/// The disk queues of a stock nsqd 1.3 (go-diskqueue 1.1): one for a topic, `<topic>`, and one for each of
/// its channels, `<topic>:<channel>`, all in the data directory:
///
///     <queue>.diskqueue.meta.dat    text: depth\nreadFileNum,readPos\nwriteFileNum,writePos\n
///     <queue>.diskqueue.NNNNNN.dat  records; file numbers have six digits or more
///     <queue>.diskqueue.NNNNNN.dat.bad, <queue>.diskqueue.meta.dat.N.tmp   set aside, left over: never read
///
/// What is unread begins at readPos of the file readFileNum and goes on in the files of higher number; files
/// of a lower number are done with. The meta file is written at each new file, every sync-every messages and
/// every sync-timeout, so after an unclean stop it lags behind the data files or is not there yet.
///
/// A record, big-endian: int32 size of what follows, int64 timestamp, uint16 attempts, 16 bytes id, body.
namespace stock {
inline constexpr std::size_t kSizeBytes = 4;
inline constexpr std::size_t kTimestampOffset = 4;  ///< int64, nanoseconds since the Unix epoch
inline constexpr std::size_t kAttemptsOffset = 12;  ///< uint16, deliveries so far
inline constexpr std::size_t kIdOffset = 14;        ///< 16 lower-case hex digits
inline constexpr std::size_t kIdLength = 16;
inline constexpr std::size_t kBodyOffset = 30;
inline constexpr std::size_t kMinSize = kBodyOffset - kSizeBytes;  ///< the size of a record without a body
}  // namespace stock

/// A place in a queue: the data file's number and the byte in it.
struct StockPosition {
    std::uint64_t file = 0;
    std::uint64_t byte = 0;

    friend auto operator<=>(const StockPosition&, const StockPosition&) = default;
};

/// The content of a meta file.
struct StockMeta {
    std::int64_t depth = 0;  ///< messages; stock loses count after an unclean stop, even below zero
    StockPosition read;
    StockPosition write;

    friend bool operator==(const StockMeta&, const StockMeta&) = default;
};

/// nullopt unless `text` is to the byte what stock writes and `read` is not behind `write`. THREAD: any.
std::optional<StockMeta> parseStockMeta(std::string_view text);

/// THREAD: any.
std::string formatStockMeta(const StockMeta& meta);

/// What a meta file says of a queue that begins empty at the file `number`: nothing before it is read again.
/// Removal and StockQueueWriter rest on it. THREAD: any.
StockMeta emptyStockMeta(std::uint64_t number);

/// One queue and its files. THREAD: any, as a value.
struct StockQueue {
    struct DataFile {
        std::uint64_t number;
        std::uint64_t bytes;  ///< its size when it was listed
    };

    std::filesystem::path directory;
    std::string topic;
    std::optional<std::string> channel;  ///< nullopt: the topic's own queue
    bool hasMeta = false;
    std::vector<DataFile> files{};  ///< by ascending number; may be empty

    /// As its files are called: `<topic>` or `<topic>:<channel>`.
    std::string name() const;

    std::filesystem::path metaPath() const;
    std::filesystem::path dataPath(std::uint64_t number) const;
};

/// The queues with a meta file or a data file in `directory`, by topic and channel, the topic's own first.
/// Other files, `.bad` ones, names that are not valid and ephemeral ones are passed over. The caller holds
/// the lock of the data directory, here and below. kStorage when the directory cannot be read. THREAD: any.
sdk::Result<std::vector<StockQueue>> listStockQueues(const std::filesystem::path& directory);

/// The meta file, nullopt when the queue has none or it is damaged. kStorage when it cannot be read.
/// THREAD: any.
sdk::Result<std::optional<StockMeta>> readStockMeta(const StockQueue& queue);

/// A queue that is safely in the log, and the numbers of its files to be kept as `.bad`
/// (StockReadReport::setAside).
struct StockRemoval {
    StockQueue queue;
    std::vector<std::uint64_t> setAside{};
};

/// Removes all files of the queues, which are in one directory. Files to be set aside are renamed to `.bad`,
/// as stock does with a file it cannot read; a `.bad` file there already keeps its name and content.
///
/// The order, each step on the disk before the next:
///  1. The meta file of each queue with something unread is replaced by one that says: empty, beginning
///     behind the last data file. This rename is the moment at which the queue is gone, whole: until then a
///     repeated import reads all of it, from then on nothing, whichever of its files are still there. (Data
///     files first would leave a half that is imported again. The meta file first would leave data files
///     without one, which are all read from their beginning.) A stock nsqd started there sees the same.
///  2. The data files, in any order. An interruption before a damaged file has got its `.bad` name costs that
///     file: the next removal finds it among those that are done with. All that was readable in it is in the
///     log.
///  3. The meta files, last, since they alone say that a data file still there is done with.
/// The directory is synced after 2 and 3, once for all queues: a drained queue costs no sync of its own.
///
/// kStorage when something could not be written or removed; to be repeated with the queues listed anew.
/// THREAD: one at a time for a directory.
sdk::Result<void> removeStockQueues(std::span<const StockRemoval> removals);

}  // namespace nsq::storage
