#include "storage/stock_queue_reader.h"

#include <algorithm>
#include <utility>

namespace nsq::storage {

namespace {

bool hasStockId(sdk::Bytes record) {
    return std::ranges::all_of(record.subspan(stock::kIdOffset, stock::kIdLength), [](std::byte byte) {
        const char digit = static_cast<char>(byte);
        return (digit >= '0' && digit <= '9') || (digit >= 'a' && digit <= 'f');
    });
}

}  // namespace

StockQueueReader::StockQueueReader(StockQueue queue, std::size_t maxMsgSize)
    : queue_(std::move(queue)), maxSize_(stock::kMinSize + maxMsgSize) {}

sdk::Result<StockQueueReader> StockQueueReader::open(StockQueue queue, std::size_t maxMsgSize) {
    StockQueueReader reader{std::move(queue), maxMsgSize};
    const auto meta = readStockMeta(reader.queue_);
    if (!meta) return meta.error();
    reader.start(meta.value());
    return reader;
}

void StockQueueReader::start(const std::optional<StockMeta>& meta) {
    const auto& files = queue_.files;
    if (meta) {
        read_ = meta->read;
        write_ = meta->write;
        depth_ = meta->depth;
        passOverFinishedFiles(*meta);
        reportMissing(*meta);
    } else if (queue_.hasMeta || !files.empty()) {
        warn(queue_.metaPath(), (queue_.hasMeta ? "damaged" : "missing") +
                                    std::string{": the queue is read from the beginning of its first file"});
        if (!files.empty()) {
            read_ = {files.front().number, 0};
            reportMissing({0, read_, {files.back().number, 0}});
        }
    }
    for (std::size_t i = index_; i < files.size(); ++i) totalBytes_ += files[i].bytes;
    if (index_ < files.size() && files[index_].number == read_.file) totalBytes_ -= read_.byte;
}

void StockQueueReader::passOverFinishedFiles(const StockMeta& meta) {
    const auto& files = queue_.files;
    for (; index_ < files.size() && files[index_].number < read_.file; ++index_) {
        const std::uint64_t number = files[index_].number;
        if (meta == emptyStockMeta(read_.file)) continue;
        warn(queue_.dataPath(number), "not read: by the meta file it is done with");
        report_.setAside.push_back(number);
    }
    if (index_ == files.size()) return;
    const auto& [number, bytes] = files[index_];
    if (number != read_.file || read_.byte <= bytes) return;
    warn(queue_.dataPath(number), "read from its beginning: it ends at byte " + std::to_string(bytes) +
                                      ", before the meta file's readPos " + std::to_string(read_.byte));
    read_.byte = 0;
}

void StockQueueReader::reportMissing(const StockMeta& meta) {
    std::uint64_t expected = meta.read.file;
    for (std::size_t i = index_; i < queue_.files.size(); ++i) {
        const auto& [number, bytes] = queue_.files[i];
        reportMissing(expected, number);
        expected = number + 1;
        if (number == meta.write.file && bytes < meta.write.byte)
            warn(queue_.dataPath(number), "ends at byte " + std::to_string(bytes) +
                                              ", before the meta file's writePos " +
                                              std::to_string(meta.write.byte));
    }
    // A file is made with its first record, and nothing is missed of one that was read to its end.
    if (meta.read != meta.write) reportMissing(expected, meta.write.file + (meta.write.byte > 0 ? 1 : 0));
}

void StockQueueReader::reportMissing(std::uint64_t first, std::uint64_t end) {
    if (first >= end) return;
    const std::uint64_t more = end - first - 1;
    warn(queue_.dataPath(first),
         more == 0 ? "missing" : "missing, and the next " + std::to_string(more) + " files as well");
}

sdk::Result<std::optional<StockMessage>> StockQueueReader::next() {
    while (index_ < queue_.files.size()) {
        if (auto opened = openFile(); !opened) return opened.error();
        const auto found = record();
        if (!found) return found.error();
        if (!found.value().empty()) return std::optional{take(found.value())};
        endFile();
    }
    compareWithDepth();
    return std::optional<StockMessage>{};
}

sdk::Result<void> StockQueueReader::openFile() {
    if (file_) return {};
    const std::uint64_t number = queue_.files[index_].number;
    auto opened = StockDataFile::open(queue_.dataPath(number), number == read_.file ? read_.byte : 0);
    if (!opened) return opened.error();
    file_ = std::move(opened).value();
    return {};
}

/// The record at the file's position, its size included; empty when the file ends here, if only for us.
sdk::Result<sdk::Bytes> StockQueueReader::record() {
    const std::uint64_t remaining = file_->remaining();
    if (remaining == 0) return sdk::Bytes{};
    if (remaining < stock::kSizeBytes) {
        loseTornRecord();
        return sdk::Bytes{};
    }
    const auto head = file_->peek(stock::kSizeBytes);
    if (!head) return head.error();
    const auto size = sdk::loadBig<std::int32_t>(head.value().data());
    const std::size_t whole = stock::kSizeBytes + static_cast<std::size_t>(size);
    sdk::Result<bool> isOne = std::cmp_greater_equal(size, stock::kMinSize);
    if (isOne.value() && std::cmp_greater(size, maxSize_)) isOne = isLargeRecord(whole);
    if (!isOne) return isOne.error();
    if (!isOne.value()) {
        loseRestOfFile("a record of " + std::to_string(size) + " bytes, not " +
                       std::to_string(stock::kMinSize) + " to " + std::to_string(maxSize_));
        return sdk::Bytes{};
    }
    if (whole > remaining) {
        loseTornRecord();
        return sdk::Bytes{};
    }
    auto found = file_->peek(whole);
    if (found && !isVouchedFor() && !hasStockId(found.value())) {
        loseRestOfFile("behind what the meta file vouches for, not a record: its id is not 16 hex digits");
        return sdk::Bytes{};
    }
    return found;
}

/// Whether `whole` bytes, more than a message may have now, are a record from when it might: by its id, and
/// by the one of what follows.
sdk::Result<bool> StockQueueReader::isLargeRecord(std::size_t whole) {
    const std::uint64_t remaining = file_->remaining();
    if (whole > remaining) return false;
    const std::size_t next = stock::kSizeBytes + stock::kMinSize;
    const auto head = file_->peek(next);
    if (!head) return head.error();
    if (!hasStockId(head.value())) return false;
    const bool isFollowed = remaining - whole >= next;
    const auto found = file_->peek(isFollowed ? whole + next : whole);
    if (!found) return found.error();
    return !isFollowed || hasStockId(found.value().subspan(whole));
}

StockMessage StockQueueReader::take(sdk::Bytes record) {
    ++report_.messages;
    report_.bytes += record.size();
    if (!isVouchedFor()) ++report_.salvaged;
    file_->skip(record.size());
    return {sdk::loadBig<std::int64_t>(record.data() + stock::kTimestampOffset),
            sdk::loadBig<std::uint16_t>(record.data() + stock::kAttemptsOffset),
            record.subspan<stock::kIdOffset, stock::kIdLength>(), record.subspan(stock::kBodyOffset)};
}

bool StockQueueReader::isVouchedFor() const {
    return StockPosition{queue_.files[index_].number, file_->position()} < write_;
}

/// The write that was under way when stock or its machine stopped: the last of all, or the last before it
/// went on in another file.
void StockQueueReader::loseTornRecord() {
    const bool lastWrite = isLastFile() || !isVouchedFor();
    loseRestOfFile("a record that runs past the end of the file");
    if (lastWrite) report_.setAside.pop_back();
}

void StockQueueReader::loseRestOfFile(const std::string& why) {
    report_.lostBytes += file_->remaining();
    report_.setAside.push_back(queue_.files[index_].number);
    warn(file_->path(), "byte " + std::to_string(file_->position()) + ": " + why + "; the last " +
                            std::to_string(file_->remaining()) + " bytes of the file are not read");
}

void StockQueueReader::endFile() {
    file_.reset();
    ++index_;
}

void StockQueueReader::compareWithDepth() {
    const std::int64_t depth = std::exchange(depth_, 0);
    if (std::cmp_less_equal(depth, report_.messages)) return;
    warn(queue_.metaPath(),
         "counts " + std::to_string(depth) + " messages, " + std::to_string(report_.messages) + " were read");
}

void StockQueueReader::warn(const std::filesystem::path& path, const std::string& what) {
    report_.warnings.push_back(path.string() + ": " + what);
}

}  // namespace nsq::storage
