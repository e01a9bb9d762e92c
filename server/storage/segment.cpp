#include "storage/segment.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <random>
#include <vector>

#include "checksum/crc32c.h"
#include "storage/disk_format.h"

namespace nsq::storage {

namespace {

/// Files kept open, over all topics; beyond that a file is closed after each use. Half of what the process
/// may open, as the other half is for clients.
std::size_t mostOpenFiles() {
    static const std::size_t kMost = [] {
        rlimit limit{};
        if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return std::size_t{256};
        return static_cast<std::size_t>(std::min<rlim_t>(limit.rlim_cur / 2, 16384));
    }();
    return kMost;
}

std::atomic<std::size_t> openFiles{0};

disk::SegmentHeader sealed(disk::SegmentHeader header) {
    const sdk::Bytes bytes = std::as_bytes(std::span{&header, 1});
    header.crc = crc32c(bytes.first(offsetof(disk::SegmentHeader, crc)));
    return header;
}

bool isIntact(const disk::SegmentHeader& header) {
    return header.magic == disk::kSegmentMagic && sealed(header).crc == header.crc;
}

}  // namespace

Segment::Segment(std::filesystem::path path, std::uint64_t firstSeq)
    : path_(std::move(path)), firstSeq_(firstSeq) {}

Segment::~Segment() {
    rest();
}

SegmentPtr Segment::create(std::filesystem::path path, std::uint64_t firstSeq, std::uint64_t firstIndex) {
    SegmentPtr segment{new Segment(std::move(path), firstSeq)};
    segment->firstIndex_.store(firstIndex, std::memory_order_relaxed);
    thread_local std::random_device random;  // making one costs more than opening a file
    segment->salt_.store(random(), std::memory_order_relaxed);
    return segment;
}

SegmentPtr Segment::existing(std::filesystem::path path, std::uint64_t firstSeq, std::uint64_t size) {
    SegmentPtr segment{new Segment(std::move(path), firstSeq)};
    segment->size_.store(size, std::memory_order_release);
    return segment;
}

SegmentPtr Segment::inMemory(std::uint64_t firstSeq, Block* block) {
    SegmentPtr segment{new Segment({}, firstSeq)};
    segment->block_ = block;
    segment->owner_ = sdk::BufferRef{block};
    return segment;
}

void intrusive_ptr_add_ref(Segment* segment) {
    segment->references_.fetch_add(1, std::memory_order_relaxed);
}

void intrusive_ptr_release(Segment* segment) {
    if (segment->references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete segment;
}

sdk::Result<std::shared_ptr<File>> Segment::file(bool create) {
    const std::lock_guard lock{mutex_};
    if (file_) return file_;
    sdk::Result<File> opened = openFile(path_, O_RDWR | (create ? O_CREAT | O_TRUNC : 0));
    if (!opened) return opened.error();
    auto file = std::make_shared<File>(std::move(opened).value());
    if (openFiles.load(std::memory_order_relaxed) < mostOpenFiles()) {
        openFiles.fetch_add(1, std::memory_order_relaxed);
        file_ = file;
    }
    return file;
}

void Segment::rest() {
    const std::lock_guard lock{mutex_};
    if (!file_) return;
    openFiles.fetch_sub(1, std::memory_order_relaxed);
    file_.reset();
}

sdk::Result<void> Segment::writeHeader(const File& file) {
    const disk::SegmentHeader header = sealed({disk::kSegmentMagic, disk::kVersion, knownSalt(), firstSeq_,
                                               firstIndex_.load(std::memory_order_relaxed), 0, 0});
    const disk::SegmentHeader both[] = {header, header};
    return writeAt(file, 0, std::as_bytes(std::span{both}), path_);
}

/// Writes the header again if that is due. It stays due until it was written.
sdk::Result<void> Segment::renewHeader(const File& file) {
    if (!headerDue_.exchange(false, std::memory_order_acq_rel)) return {};
    const auto known = salt();
    auto written = known ? sdk::Result<void>{} : known.error();
    if (known && known.value()) written = writeHeader(file);
    if (!written) distrust();
    return written;
}

sdk::Result<void> Segment::write(std::uint64_t offset, std::span<const sdk::Bytes> pieces) {
    const std::uint64_t before = size();
    const auto opened = file(before == 0);
    if (!opened) return opened.error();
    const File& file = *opened.value();
    sdk::Result<void> written;
    if (before == 0) written = writeHeader(file);
    std::uint64_t end = offset;
    for (std::size_t i = 0; i < pieces.size() && written; ++i) {
        written = writeAt(file, end, pieces[i], path_);
        end += pieces[i].size();
    }
    if (!written) {
        cut(before);
        return written;
    }
    size_.store(std::max(before, end), std::memory_order_release);
    return {};
}

void Segment::cut(std::uint64_t size) {
    size_.store(size, std::memory_order_release);
    // What cannot be cut off is written over later, or found to be torn.
    if (const auto opened = file(false))
        static_cast<void>(::ftruncate(opened.value()->fd(), static_cast<off_t>(size)));
}

sdk::Result<std::size_t> Segment::read(std::uint64_t offset, std::span<std::byte> to) {
    const auto opened = file(false);
    if (!opened) return opened.error();
    return readAt(*opened.value(), offset, to, path_);
}

sdk::Result<void> Segment::sync() {
    if (!isWritten()) return {};
    const auto opened = file(false);
    if (!opened && isAbandoned()) return {};  // removed meanwhile
    if (!opened) return opened.error();
    if (auto renewed = renewHeader(*opened.value()); !renewed) return renewed;
    return syncFile(*opened.value(), path_);
}

sdk::Result<std::optional<std::uint32_t>> Segment::salt() {
    using Salt = std::optional<std::uint32_t>;
    if (salt_.load(std::memory_order_relaxed) != kUnknownSalt) return Salt{knownSalt()};
    disk::SegmentHeader both[2]{};
    const auto got = read(0, std::as_writable_bytes(std::span{both}));
    if (!got) return got.error();
    for (const disk::SegmentHeader& header : both) {
        if (!isIntact(header)) continue;
        if (header.version != disk::kVersion) {
            return sdk::Error{sdk::ErrorCode::kStorage,
                              path_.string() + ": format version " + std::to_string(header.version) +
                                  ", this server reads " + std::to_string(disk::kVersion)};
        }
        firstIndex_.store(header.firstIndex, std::memory_order_relaxed);
        salt_.store(header.salt, std::memory_order_relaxed);
        return Salt{header.salt};
    }
    return Salt{};
}

}  // namespace nsq::storage
