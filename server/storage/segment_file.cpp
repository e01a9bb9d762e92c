#include "storage/segment_file.h"

#include <cstring>

#include "nsq/sdk/message.h"
#include "storage/crc32c.h"
#include "storage/disk_format.h"

namespace nsq::storage {

namespace {

/// Written out at once (chosen, bytes).
constexpr std::size_t kWriteSize = 1 << 20;

/// Where the CRC begins in a batch: behind the magic and the CRC itself.
constexpr std::size_t kCrcBegin = 8;

template <typename T>
sdk::Bytes bytesOf(const T& object) {
    return std::as_bytes(std::span{&object, 1});
}

std::filesystem::path temporaryOf(const std::filesystem::path& path) {
    return path.string() + ".tmp";
}

std::uint32_t batchCrc(sdk::Bytes batch) {
    return crc32c(batch.subspan(kCrcBegin));
}

/// True when `frames` are `count` message frames to the byte.
bool framesFit(sdk::Bytes frames, std::uint32_t count) {
    for (; count > 0; --count) {
        if (frames.size() < sdk::frame::kBodyOffset) return false;
        const std::size_t size = frameSize(frames.data());
        if (size < sdk::frame::kBodyOffset || size > frames.size()) return false;
        frames = frames.subspan(size);
    }
    return frames.empty();
}

/// The size of the intact batch `bytes` begin with, or 0.
std::size_t intactBatch(sdk::Bytes bytes, disk::BatchHeader& header) {
    if (bytes.size() < sizeof header) return 0;
    std::memcpy(&header, bytes.data(), sizeof header);
    if (header.magic != disk::kBatchMagic || header.count == 0) return 0;
    if (header.bytes > bytes.size() - sizeof header) return 0;
    const std::size_t size = sizeof header + header.bytes;
    if (batchCrc(bytes.first(size)) != header.crc) return 0;
    return framesFit(bytes.first(size).subspan(sizeof header), header.count) ? size : 0;
}

}  // namespace

SegmentWriter::SegmentWriter(std::filesystem::path path, File file)
    : path_(std::move(path)), file_(std::move(file)) {}

sdk::Result<SegmentWriter> SegmentWriter::create(const std::filesystem::path& path, std::uint64_t firstSeq) {
    sdk::Result<File> file = createFile(temporaryOf(path));
    if (!file) return file.error();
    SegmentWriter writer{path, std::move(file).value()};
    const disk::SegmentHeader header{disk::kSegmentMagic, disk::kVersion, 0, firstSeq};
    const sdk::Bytes bytes = bytesOf(header);
    writer.buffer_.assign(bytes.begin(), bytes.end());
    writer.size_ = bytes.size();
    return writer;
}

sdk::Result<void> SegmentWriter::append(std::uint64_t firstSeq, std::uint32_t count, sdk::Bytes frames) {
    disk::BatchHeader header{disk::kBatchMagic, 0, static_cast<std::uint32_t>(frames.size()), count,
                             firstSeq};
    const std::size_t begin = buffer_.size();
    const sdk::Bytes head = bytesOf(header);
    buffer_.insert(buffer_.end(), head.begin(), head.end());
    buffer_.insert(buffer_.end(), frames.begin(), frames.end());
    header.crc = batchCrc(sdk::Bytes{buffer_}.subspan(begin));
    std::memcpy(buffer_.data() + begin, &header, sizeof header);
    size_ += sizeof header + frames.size();
    return buffer_.size() < kWriteSize ? sdk::Result<void>{} : flush();
}

sdk::Result<void> SegmentWriter::flush() {
    sdk::Result<void> written = writeAll(file_, buffer_, path_);
    buffer_.clear();
    return written;
}

sdk::Result<void> SegmentWriter::close() {
    if (auto flushed = flush(); !flushed) return flushed;
    if (auto synced = syncFile(file_, path_); !synced) return synced;
    std::error_code failure;
    std::filesystem::rename(temporaryOf(path_), path_, failure);
    if (failure) return storageError(path_, "cannot be renamed to", failure.value());
    return {};
}

sdk::Result<SegmentReport> readSegment(const std::filesystem::path& path,
                                       const std::function<void(const SegmentBatch&)>& onBatch) {
    sdk::Result<std::vector<std::byte>> content = readFile(path);
    if (!content) return content.error();
    const sdk::Bytes bytes{content.value()};
    SegmentReport report;
    disk::SegmentHeader segment{};
    if (bytes.size() >= sizeof segment) std::memcpy(&segment, bytes.data(), sizeof segment);
    if (segment.magic == disk::kSegmentMagic && segment.version != disk::kVersion) {
        return sdk::Error{sdk::ErrorCode::kStorage,
                          path.string() + ": format version " + std::to_string(segment.version) +
                              ", this server reads " + std::to_string(disk::kVersion)};
    }
    std::size_t at = segment.magic == disk::kSegmentMagic ? sizeof segment : 0;
    std::size_t firstDamage = bytes.size();
    while (at < bytes.size()) {
        disk::BatchHeader header;
        const std::size_t size = intactBatch(bytes.subspan(at), header);
        if (size == 0) {
            // Damaged: the next batch may begin at any byte.
            firstDamage = std::min(firstDamage, at);
            ++report.damagedBytes;
            ++at;
            continue;
        }
        onBatch({header.firstSeq, header.count, bytes.subspan(at + sizeof header, header.bytes)});
        at += size;
    }
    if (bytes.empty()) report.text = path.string() + ": empty";
    if (report.damagedBytes > 0) {
        report.text = path.string() + ": " + std::to_string(report.damagedBytes) +
                      " damaged bytes skipped, from byte " + std::to_string(firstDamage) + " on";
    }
    return report;
}

}  // namespace nsq::storage
