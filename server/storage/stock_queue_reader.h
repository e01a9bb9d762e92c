#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "nsq/sdk/bytes.h"
#include "storage/stock_data_file.h"
#include "storage/stock_queue.h"

namespace nsq::storage {

/// A message of a stock queue. `id` and `body` point into the reader's buffer.
struct StockMessage {
    std::int64_t timestampNs;  ///< nanoseconds since the Unix epoch, when it was published
    std::uint16_t attempts;    ///< deliveries so far
    std::span<const std::byte, stock::kIdLength> id;
    sdk::Bytes body;
};

/// What reading gave so far.
struct StockReadReport {
    std::uint64_t messages = 0;
    std::uint64_t salvaged = 0;   ///< of them, the ones stock's meta file does not vouch for
    std::uint64_t bytes = 0;      ///< of the records of these messages
    std::uint64_t lostBytes = 0;  ///< not readable as records
    /// What is wrong or missing, complete at the end of the queue; each a line for the log that names the
    /// file and the byte.
    std::vector<std::string> warnings;
    /// Numbers of files with something in them that was not read: for StockRemoval.
    std::vector<std::uint64_t> setAside;
};

/// Reads the messages of a stock queue in order: from readPos of readFileNum through all files of a higher
/// number. It follows stock but where stock loses messages:
///
/// - Without a meta file, or with a damaged one, all files are read from their beginning. So is the file
///   readFileNum if it ends before readPos.
/// - Behind writePos, where the meta file vouches for nothing, records are read as well, for as long as their
///   ids are of stock's form: stock writes over an old file without emptying it.
/// - A record that cannot be one (too short, too long, past the end of its file) ends its file; reading goes
///   on with the next file, since nothing says where the next record begins. It is to be set aside unless all
///   that was lost is the torn end of the last write.
/// - Files before readFileNum are not read. They are to be set aside unless the meta file is one of
///   emptyStockMeta(): then they are what an interrupted removal left.
///
/// The queue's files must not change meanwhile: the caller holds the lock of the data directory.
/// THREAD: one at a time.
class StockQueueReader {
public:
    /// Records with a body of more than `maxMsgSize` bytes are taken for damage, unless their ids and those
    /// of what follows are of stock's form: the option may have been larger. kStorage when the meta file
    /// cannot be read.
    static sdk::Result<StockQueueReader> open(StockQueue queue, std::size_t maxMsgSize);

    /// The next message, valid until the next call; nullopt at the end. kStorage when a file cannot be opened
    /// or read: that is no damage, the queue is as it was, and the call can be repeated.
    sdk::Result<std::optional<StockMessage>> next();

    const StockReadReport& report() const { return report_; }

    /// Bytes there were to read at the beginning, for showing progress: at the end, report().bytes and
    /// report().lostBytes add up to it.
    std::uint64_t totalBytes() const { return totalBytes_; }

private:
    StockQueueReader(StockQueue queue, std::size_t maxMsgSize);

    void start(const std::optional<StockMeta>& meta);
    void passOverFinishedFiles(const StockMeta& meta);
    void reportMissing(const StockMeta& meta);
    void reportMissing(std::uint64_t first, std::uint64_t end);
    sdk::Result<void> openFile();
    sdk::Result<sdk::Bytes> record();
    sdk::Result<bool> isLargeRecord(std::size_t whole);
    StockMessage take(sdk::Bytes record);
    bool isVouchedFor() const;
    bool isLastFile() const { return index_ + 1 == queue_.files.size(); }
    void loseTornRecord();
    void loseRestOfFile(const std::string& why);
    void endFile();
    void compareWithDepth();
    void warn(const std::filesystem::path& path, const std::string& what);

    StockQueue queue_;
    std::size_t maxSize_;  ///< of a record's size field
    StockPosition read_;
    StockPosition write_;     ///< up to here the meta file vouches for the records
    std::int64_t depth_ = 0;  ///< messages the meta file counts, 0 once compared
    std::size_t index_ = 0;   ///< the file being read, or the next one
    std::optional<StockDataFile> file_;
    std::uint64_t totalBytes_ = 0;
    StockReadReport report_;
};

}  // namespace nsq::storage
