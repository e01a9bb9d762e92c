#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "nsq/sdk/bytes.h"
#include "nsq/sdk/result.h"

namespace nsq::storage {

/// An open file descriptor, closed with this.
class File {
public:
    File() = default;
    explicit File(int fd) : fd_(fd) {}
    File(File&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    File& operator=(File&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~File();

    int fd() const { return fd_; }

private:
    int fd_ = -1;
};

/// kStorage with the path, what failed and the system's reason.
sdk::Error storageError(const std::filesystem::path& path, std::string_view what, int error);

/// Opens a file with the `flags` of open(2); one that is made is readable by its owner only: there are
/// messages in it.
sdk::Result<File> openFile(const std::filesystem::path& path, int flags);

/// Creates or empties a file for writing.
sdk::Result<File> createFile(const std::filesystem::path& path);

/// Writes all of `bytes` at the file's position. `path` is for the error.
sdk::Result<void> writeAll(const File& file, sdk::Bytes bytes, const std::filesystem::path& path);

/// Writes all of `bytes` at `offset`.
sdk::Result<void> writeAt(const File& file, std::uint64_t offset, sdk::Bytes bytes,
                          const std::filesystem::path& path);

/// Reads up to `to.size()` bytes at `offset`; fewer only where the file ends.
sdk::Result<std::size_t> readAt(const File& file, std::uint64_t offset, std::span<std::byte> to,
                                const std::filesystem::path& path);

/// Waits until the file's content is on the disk. `path` is for the error.
sdk::Result<void> syncFile(const File& file, const std::filesystem::path& path);

/// Makes `bytes` the content of the file at `path`, which has the old content or the new at any moment:
/// written beside it, synced, renamed, and the directory synced.
sdk::Result<void> replaceFile(const std::filesystem::path& path, sdk::Bytes bytes);

/// The same without a second file: a crash may leave neither the old content nor the new. The file must
/// exist.
sdk::Result<void> overwriteFile(const std::filesystem::path& path, sdk::Bytes bytes);

/// Syncs a directory, so that names made or renamed in it last.
sdk::Result<void> syncDirectory(const std::filesystem::path& path);

/// Syncs the file system that `path` is on, with whatever others have written there.
sdk::Result<void> syncFileSystem(const std::filesystem::path& path);

/// Whether files in `directory` can be made, written with `bytes` bytes and, if `synced`, synced: tried with
/// one that is removed again.
sdk::Result<void> tryWriting(const std::filesystem::path& directory, std::size_t bytes, bool synced);

/// The whole content.
sdk::Result<std::vector<std::byte>> readFile(const std::filesystem::path& path);

}  // namespace nsq::storage
