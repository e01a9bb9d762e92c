#include "storage/stock_data_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace nsq::storage {

namespace {

/// Read at once (chosen, bytes). The buffer grows beyond it for a longer record only.
constexpr std::size_t kReadSize = 256 << 10;

}  // namespace

StockDataFile::StockDataFile(std::filesystem::path path, File file, std::uint64_t position,
                             std::uint64_t size)
    : path_(std::move(path)), file_(std::move(file)), size_(size), bufferPosition_(position) {}

sdk::Result<StockDataFile> StockDataFile::open(const std::filesystem::path& path, std::uint64_t position) {
    File file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    if (file.fd() < 0) return storageError(path, "cannot be opened", errno);
    struct stat status {};
    if (::fstat(file.fd(), &status) != 0) return storageError(path, "cannot be examined", errno);
    if (!S_ISREG(status.st_mode)) return storageError(path, "not a regular file", EINVAL);
    const auto size = static_cast<std::uint64_t>(status.st_size);
    return StockDataFile{path, std::move(file), std::min(position, size), size};
}

sdk::Result<sdk::Bytes> StockDataFile::peek(std::size_t count) {
    if (end_ - begin_ < count) {
        std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(begin_),
                  buffer_.begin() + static_cast<std::ptrdiff_t>(end_), buffer_.begin());
        bufferPosition_ += begin_;
        end_ -= std::exchange(begin_, 0);
        const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(kReadSize, remaining()));
        if (buffer_.size() < count) buffer_.resize(std::max(count, wanted));
    }
    while (end_ - begin_ < count)
        if (auto filled = fill(); !filled) return filled.error();
    return sdk::Bytes{buffer_}.subspan(begin_, count);
}

sdk::Result<void> StockDataFile::fill() {
    const ssize_t got = ::pread(file_.fd(), buffer_.data() + end_, buffer_.size() - end_,
                                static_cast<off_t>(bufferPosition_ + end_));
    if (got < 0 && errno == EINTR) return {};
    if (got < 0) return storageError(path_, "cannot be read", errno);
    if (got == 0) return storageError(path_, "became shorter while it was read", EIO);
    end_ += static_cast<std::size_t>(got);
    return {};
}

}  // namespace nsq::storage
