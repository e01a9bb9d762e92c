#include "storage/file_io.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace nsq::storage {

namespace fs = std::filesystem;

File::~File() {
    if (fd_ >= 0) ::close(fd_);
}

sdk::Error storageError(const fs::path& path, std::string_view what, int error) {
    return {sdk::ErrorCode::kStorage, path.string() + ": " + std::string(what) + ": " + std::strerror(error)};
}

sdk::Result<File> openFile(const fs::path& path, int flags) {
    File file{::open(path.c_str(), flags | O_CLOEXEC, 0600)};
    if (file.fd() < 0)
        return storageError(path, (flags & O_CREAT) != 0 ? "cannot be created" : "cannot be opened", errno);
    return file;
}

sdk::Result<File> createFile(const fs::path& path) {
    return openFile(path, O_WRONLY | O_CREAT | O_TRUNC);
}

sdk::Result<void> writeAt(const File& file, std::uint64_t offset, sdk::Bytes bytes, const fs::path& path) {
    while (!bytes.empty()) {
        const ssize_t written = ::pwrite(file.fd(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return storageError(path, "cannot be written", errno);
        bytes = bytes.subspan(static_cast<std::size_t>(written));
        offset += static_cast<std::uint64_t>(written);
    }
    return {};
}

sdk::Result<std::size_t> readAt(const File& file, std::uint64_t offset, std::span<std::byte> to,
                                const fs::path& path) {
    std::size_t have = 0;
    while (have < to.size()) {
        const ssize_t got =
            ::pread(file.fd(), to.data() + have, to.size() - have, static_cast<off_t>(offset + have));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return storageError(path, "cannot be read", errno);
        if (got == 0) break;
        have += static_cast<std::size_t>(got);
    }
    return have;
}

sdk::Result<void> writeAll(const File& file, sdk::Bytes bytes, const fs::path& path) {
    while (!bytes.empty()) {
        const ssize_t written = ::write(file.fd(), bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return storageError(path, "cannot be written", errno);
        bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
    return {};
}

sdk::Result<void> syncFile(const File& file, const fs::path& path) {
    if (::fdatasync(file.fd()) != 0) return storageError(path, "cannot be synced", errno);
    return {};
}

sdk::Result<void> replaceFile(const fs::path& path, sdk::Bytes bytes) {
    const fs::path temporary = path.string() + ".tmp";
    {
        sdk::Result<File> file = createFile(temporary);
        if (!file) return file.error();
        if (auto written = writeAll(file.value(), bytes, temporary); !written) return written;
        if (auto synced = syncFile(file.value(), temporary); !synced) return synced;
    }
    if (::rename(temporary.c_str(), path.c_str()) != 0)
        return storageError(path, "cannot be replaced", errno);
    return syncDirectory(path.parent_path());
}

sdk::Result<void> overwriteFile(const fs::path& path, sdk::Bytes bytes) {
    const sdk::Result<File> file = openFile(path, O_WRONLY);
    if (!file) return file.error();
    if (auto written = writeAt(file.value(), 0, bytes, path); !written) return written;
    if (::ftruncate(file.value().fd(), static_cast<off_t>(bytes.size())) != 0)
        return storageError(path, "cannot be cut", errno);
    return syncFile(file.value(), path);
}

sdk::Result<void> syncDirectory(const fs::path& path) {
    const File directory{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (directory.fd() < 0) return storageError(path, "cannot be opened", errno);
    if (::fsync(directory.fd()) != 0) return storageError(path, "cannot be synced", errno);
    return {};
}

sdk::Result<void> syncFileSystem(const fs::path& path) {
    const File directory{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (directory.fd() < 0) return storageError(path, "cannot be opened", errno);
    if (::syncfs(directory.fd()) != 0) return storageError(path, "cannot be synced", errno);
    return {};
}

sdk::Result<void> tryWriting(const fs::path& directory, std::size_t bytes, bool synced) {
    const fs::path path = directory / "room.tmp";
    const sdk::Result<File> file = createFile(path);
    if (!file) return file.error();
    // Gone at once: whatever happens, nothing is left behind.
    if (::unlink(path.c_str()) != 0) return storageError(path, "cannot be removed", errno);
    auto written = writeAt(file.value(), 0, std::vector<std::byte>(bytes), path);
    if (written && synced) written = syncFile(file.value(), path);
    return written;
}

sdk::Result<std::vector<std::byte>> readFile(const fs::path& path) {
    const sdk::Result<File> opened = openFile(path, O_RDONLY);
    if (!opened) return opened.error();
    const File& file = opened.value();
    struct stat status {};
    if (::fstat(file.fd(), &status) != 0) return storageError(path, "cannot be examined", errno);
    if (!S_ISREG(status.st_mode)) return storageError(path, "not a regular file", EINVAL);
    std::vector<std::byte> bytes(static_cast<std::size_t>(status.st_size));
    const sdk::Result<std::size_t> have = readAt(file, 0, bytes, path);
    if (!have) return have.error();
    bytes.resize(have.value());
    return bytes;
}

}  // namespace nsq::storage
