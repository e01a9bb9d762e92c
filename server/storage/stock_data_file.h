#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "storage/file_io.h"

namespace nsq::storage {

/// A data file read from front to end through a buffer, never whole. THREAD: one at a time.
class StockDataFile {
public:
    /// Begins at `position`, in bytes. kStorage when the file cannot be opened.
    static sdk::Result<StockDataFile> open(const std::filesystem::path& path, std::uint64_t position);

    /// The `count` bytes from position() on, at most remaining(); valid until the next call. kStorage when
    /// they cannot be read: the call can be repeated.
    sdk::Result<sdk::Bytes> peek(std::size_t count);

    /// Passes over `count` bytes that peek() has shown.
    void skip(std::size_t count) { begin_ += count; }

    std::uint64_t position() const { return bufferPosition_ + begin_; }

    /// Bytes from position() to the end of the file.
    std::uint64_t remaining() const { return size_ - position(); }

    const std::filesystem::path& path() const { return path_; }

private:
    StockDataFile(std::filesystem::path path, File file, std::uint64_t position, std::uint64_t size);
    sdk::Result<void> fill();

    std::filesystem::path path_;
    File file_;
    std::uint64_t size_;
    std::vector<std::byte> buffer_;
    std::uint64_t bufferPosition_;  ///< where the buffer's first byte is in the file
    std::size_t begin_ = 0;         ///< the part of the buffer not passed over
    std::size_t end_ = 0;
};

}  // namespace nsq::storage
