#include "storage/stock_queue_writer.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <limits>
#include <utility>

namespace nsq::storage {

namespace fs = std::filesystem;

namespace {

/// Written out at once (chosen, bytes).
constexpr std::size_t kWriteSize = 1 << 20;

constexpr std::size_t kMaxBody =
    static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()) - stock::kMinSize;

fs::path temporaryOf(const fs::path& path) {
    return path.string() + ".tmp";
}

}  // namespace

StockQueueWriter::StockQueueWriter(StockQueue queue, std::uint64_t maxBytesPerFile)
    : queue_(std::move(queue)), maxBytesPerFile_(maxBytesPerFile) {}

sdk::Result<StockQueueWriter> StockQueueWriter::create(const fs::path& directory, std::string topic,
                                                       std::optional<std::string> channel,
                                                       std::uint64_t maxBytesPerFile) {
    StockQueueWriter writer{{directory, std::move(topic), std::move(channel)}, maxBytesPerFile};
    for (const fs::path& path : {writer.queue_.metaPath(), writer.queue_.dataPath(0)}) {
        std::error_code failure;
        const fs::file_status status = fs::symlink_status(path, failure);
        if (fs::exists(status))
            return sdk::Error{sdk::ErrorCode::kInvalid, path.string() + ": exists already"};
        if (status.type() != fs::file_type::not_found)
            return storageError(path, "cannot be examined", failure.value());
    }
    return writer;
}

sdk::Result<void> StockQueueWriter::append(std::int64_t timestampNs, std::uint16_t attempts,
                                           std::span<const std::byte, stock::kIdLength> id, sdk::Bytes body) {
    if (body.size() > kMaxBody) return sdk::Error{sdk::ErrorCode::kInvalid, "a body longer than 2 GB"};
    const std::size_t bytes = stock::kBodyOffset + body.size();
    if (queue_.files.empty() || queue_.files.back().bytes + bytes > maxBytesPerFile_)
        if (auto begun = beginFile(); !begun) return begun;
    const std::size_t begin = buffer_.size();
    buffer_.resize(begin + stock::kBodyOffset);
    std::byte* const head = buffer_.data() + begin;
    sdk::storeBig(head, static_cast<std::int32_t>(bytes - stock::kSizeBytes));
    sdk::storeBig(head + stock::kTimestampOffset, timestampNs);
    sdk::storeBig(head + stock::kAttemptsOffset, attempts);
    std::ranges::copy(id, head + stock::kIdOffset);
    buffer_.insert(buffer_.end(), body.begin(), body.end());
    queue_.files.back().bytes += bytes;
    ++depth_;
    return buffer_.size() < kWriteSize ? sdk::Result<void>{} : flush();
}

sdk::Result<void> StockQueueWriter::close() {
    if (!queue_.files.empty()) {
        if (auto ended = endFile(); !ended) return ended;
        if (auto named = nameFiles(); !named) return named;
    }
    StockMeta meta{depth_, {}, {}};
    if (!queue_.files.empty()) meta.write = {queue_.files.back().number, queue_.files.back().bytes};
    return replaceFile(queue_.metaPath(), sdk::asBytes(formatStockMeta(meta)));
}

fs::path StockQueueWriter::temporaryPath() const {
    return temporaryOf(queue_.dataPath(queue_.files.back().number));
}

sdk::Result<void> StockQueueWriter::beginFile() {
    if (!queue_.files.empty())
        if (auto ended = endFile(); !ended) return ended;
    queue_.files.push_back({queue_.files.size(), 0});
    auto created = createFile(temporaryPath());
    if (!created) return created.error();
    file_ = std::move(created).value();
    return {};
}

sdk::Result<void> StockQueueWriter::endFile() {
    if (auto flushed = flush(); !flushed) return flushed;
    return syncFile(file_, temporaryPath());
}

sdk::Result<void> StockQueueWriter::flush() {
    auto written = writeAll(file_, buffer_, temporaryPath());
    buffer_.clear();
    return written;
}

sdk::Result<void> StockQueueWriter::nameFiles() {
    const std::string empty = formatStockMeta(emptyStockMeta(queue_.files.size()));
    if (auto declared = replaceFile(queue_.metaPath(), sdk::asBytes(empty)); !declared) return declared;
    for (const auto& [number, bytes] : queue_.files) {
        const fs::path path = queue_.dataPath(number);
        if (std::rename(temporaryOf(path).c_str(), path.c_str()) != 0)
            return storageError(path, "cannot be named", errno);
    }
    return syncDirectory(queue_.directory);
}

}  // namespace nsq::storage
