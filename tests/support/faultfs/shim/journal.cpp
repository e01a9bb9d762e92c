#include "journal.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "real.h"

namespace faultfs {

namespace {

constexpr std::uint32_t kMagic = 0x31544c46;  // "FLT1"

enum Kind : std::uint32_t {
    kRoot = 1,
    kDirectoryPresent,
    kFilePresent,
    kCreate,
    kMkdir,
    kUnlink,
    kRename,
    kWrite,
    kTruncate,
    kSync,
    kSyncFailed,
};

/// The content of a file in the data directory, read behind the interception.
std::string content(const std::string& path) {
    static auto* const openReally = real<decltype(::open64)>("open64");
    static auto* const readReally = real<decltype(::pread64)>("pread64");
    std::string bytes;
    const int fd = openReally(path.c_str(), O_RDONLY | O_CLOEXEC);
    char buffer[1 << 16];
    for (ssize_t got; (got = readReally(fd, buffer, sizeof buffer, static_cast<off_t>(bytes.size()))) > 0;)
        bytes.append(buffer, static_cast<std::size_t>(got));
    ::close(fd);
    return bytes;
}

}  // namespace

/// The head of a record; the name and the data follow it. `directory`: where the name is. `other`: a second
/// directory, an offset, a size or a position.
struct Journal::Record {
    std::uint32_t magic = kMagic;
    std::uint32_t kind;
    std::uint64_t node = 0;
    std::uint64_t directory = 0;
    std::uint64_t other = 0;
    std::uint32_t nameBytes = 0;
    std::uint32_t dataBytes = 0;
};

Journal::Journal(std::string path) : path_(std::move(path)) {}

std::uint64_t Journal::position(const Place& place) {
    if (!opened_) open(place);
    struct stat status {};
    return fd_ >= 0 && ::fstat(fd_, &status) == 0 ? static_cast<std::uint64_t>(status.st_size) : 0;
}

void Journal::create(const Entry& entry, ino_t node) {
    append({.kind = kCreate, .node = node, .directory = entry.directory}, entry.name, {});
}

void Journal::mkdir(const Entry& entry, ino_t node) {
    append({.kind = kMkdir, .node = node, .directory = entry.directory}, entry.name, {});
}

void Journal::unlink(const Entry& entry) {
    append({.kind = kUnlink, .directory = entry.directory}, entry.name, {});
}

void Journal::rename(const Entry& from, const Entry& to) {
    append({.kind = kRename, .directory = from.directory, .other = to.directory}, from.name, to.name);
}

void Journal::write(ino_t node, off_t offset, std::string_view bytes) {
    append({.kind = kWrite, .node = node, .other = static_cast<std::uint64_t>(offset)}, {}, bytes);
}

void Journal::truncate(ino_t node, off_t size) {
    append({.kind = kTruncate, .node = node, .other = static_cast<std::uint64_t>(size)}, {}, {});
}

void Journal::sync(ino_t node, std::uint64_t covers) {
    append({.kind = kSync, .node = node, .other = covers}, {}, {});
}

void Journal::syncFailed(ino_t node, std::uint64_t covers) {
    append({.kind = kSyncFailed, .node = node, .other = covers}, {}, {});
}

void Journal::open(const Place& place) {
    opened_ = true;
    fd_ = ::open(path_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
    if (fd_ < 0 || position(place) > 0) return;
    const ino_t root = inodeOf(place.root());
    append({.kind = kRoot, .node = root}, {}, {});
    recordPresent(place.root(), root);
}

void Journal::recordPresent(const std::string& path, ino_t node) {
    DIR* const directory = ::opendir(path.c_str());
    while (const dirent* const found = ::readdir(directory)) {
        const std::string name = found->d_name;
        if (name == "." || name == "..") continue;
        const bool isDirectory = found->d_type == DT_DIR;
        const std::string data = isDirectory ? std::string{} : content(path + '/' + name);
        append(
            {.kind = isDirectory ? kDirectoryPresent : kFilePresent, .node = found->d_ino, .directory = node},
            name, data);
        if (isDirectory) recordPresent(path + '/' + name, found->d_ino);
    }
    ::closedir(directory);
}

void Journal::append(Record record, std::string_view name, std::string_view data) {
    static auto* const appendReally = real<decltype(::writev)>("writev");
    if (fd_ < 0) return;
    record.nameBytes = static_cast<std::uint32_t>(name.size());
    record.dataBytes = static_cast<std::uint32_t>(data.size());
    const iovec parts[] = {{&record, sizeof record},
                           {const_cast<char*>(name.data()), name.size()},
                           {const_cast<char*>(data.data()), data.size()}};
    const ssize_t whole = static_cast<ssize_t>(sizeof record + name.size() + data.size());
    if (appendReally(fd_, parts, 3) == whole) return;
    std::perror("faultfs: the journal cannot be written");
    std::abort();
}

}  // namespace faultfs
