#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "nsq/sdk/bytes.h"
#include "storage/file_io.h"
#include "storage/stock_queue.h"

namespace nsq::storage {

/// Writes one disk queue that a stock nsqd reads: data files from number 0 on, and the meta file.
///
/// An interrupted export leaves an empty queue or none. Data files bear a temporary name that stock does not
/// look at until all are complete and on the disk. Then a meta file is made that says: empty, beginning
/// behind the last of them; only then they get their names; and last the true meta file replaces that one.
/// (Data files without a meta file stock does not read but writes over, and takes what sticks out for
/// messages after its next start.) THREAD: one at a time.
class StockQueueWriter {
public:
    /// The queue of a topic or, with `channel`, of one of its channels; the names are valid and not
    /// ephemeral. No file holds more than `maxBytesPerFile` bytes unless a single record does. kInvalid when
    /// the directory has such a queue already. Any remains of it (the caller begins with an empty directory)
    /// would be mixed up with the new one.
    static sdk::Result<StockQueueWriter> create(const std::filesystem::path& directory, std::string topic,
                                                std::optional<std::string> channel,
                                                std::uint64_t maxBytesPerFile);

    /// `timestampNs` since the Unix epoch; `attempts`: deliveries so far. A stock nsqd does not read a body
    /// longer than its --max-msg-size. kInvalid when the body is too long for the format, kStorage when the
    /// disk refuses: the writer is of no use then.
    sdk::Result<void> append(std::int64_t timestampNs, std::uint16_t attempts,
                             std::span<const std::byte, stock::kIdLength> id, sdk::Bytes body);

    /// Makes the queue appear, durably. Without it no file of the queue stock would look at is there.
    /// kStorage when the disk refuses: for stock the queue is whole, empty or not there then.
    sdk::Result<void> close();

private:
    StockQueueWriter(StockQueue queue, std::uint64_t maxBytesPerFile);

    std::filesystem::path temporaryPath() const;
    sdk::Result<void> beginFile();
    sdk::Result<void> endFile();
    sdk::Result<void> flush();
    sdk::Result<void> nameFiles();

    StockQueue queue_;
    std::uint64_t maxBytesPerFile_;
    File file_;  ///< the last of queue_.files
    std::vector<std::byte> buffer_;
    std::int64_t depth_ = 0;
};

}  // namespace nsq::storage
