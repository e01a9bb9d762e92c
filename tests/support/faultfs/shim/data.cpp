// What changes, syncs or reads a file's content.

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <string_view>

#include "real.h"
#include "shim.h"

namespace faultfs {

namespace {

constexpr off_t kAtPosition = -1;

std::string gather(const iovec* parts, int count) {
    std::string bytes;
    for (int i = 0; i < count; ++i)
        bytes.append(static_cast<const char*>(parts[i].iov_base), parts[i].iov_len);
    return bytes;
}

ssize_t writeReally(int fd, std::string_view bytes, off_t offset) {
    static auto* const write = real<decltype(::write)>("write");
    static auto* const pwrite = real<decltype(::pwrite64)>("pwrite64");
    return offset == kAtPosition ? write(fd, bytes.data(), bytes.size())
                                 : pwrite(fd, bytes.data(), bytes.size(), offset);
}

/// Every way to write ends here. `offset` can be kAtPosition.
ssize_t writeFile(int fd, const Node& node, std::string_view bytes, off_t offset) {
    Shim& s = shim();
    const std::lock_guard lock{s.mutex};
    const Verdict verdict = s.rules.judge(Call::kWrite, bytes.size());
    if (verdict.error != 0) return fail(verdict.error);
    s.journal.position(s.place);
    const int flags = ::fcntl(fd, F_GETFL);
    const bool appends = (flags & O_APPEND) != 0;
    const off_t position = offset == kAtPosition ? ::lseek(fd, 0, SEEK_CUR) : offset;
    const off_t end = s.place.node(fd)->size;  // not node.size, which may be another thread's before
    const ssize_t written = writeReally(fd, bytes.substr(0, std::min(verdict.bytes, bytes.size())), offset);
    if (written <= 0) return written;
    s.journal.write(node.number, appends ? end : position,
                    bytes.substr(0, static_cast<std::size_t>(written)));
    if ((flags & O_DSYNC) != 0) s.journal.sync(node.number, s.journal.position(s.place));
    return written;
}

/// Calls `syncReally` without the lock, so that many can sync and write at a time. What is written meanwhile
/// is not synced by it.
template <typename Sync>
int syncNode(int fd, Sync syncReally) {
    Shim& s = shim();
    const std::optional<Node> node = s.place.node(fd);
    if (!node) return syncReally(fd);
    std::unique_lock lock{s.mutex};
    const std::uint64_t covers = s.journal.position(s.place);
    const Verdict verdict = s.rules.judge(Call::kSync);
    lock.unlock();
    if (verdict.held) s.rules.waitUntilReplaced();
    const int error = verdict.error != 0 ? verdict.error : syncReally(fd) == 0 ? 0 : errno;
    lock.lock();
    if (error == 0) {
        s.journal.sync(node->number, covers);
        return 0;
    }
    s.journal.syncFailed(node->number, covers);
    return fail(error);
}

/// `truncateReally` makes the file `size` bytes long.
template <typename Truncate>
int resize(ino_t node, off_t size, Call call, Truncate truncateReally) {
    Shim& s = shim();
    const std::lock_guard lock{s.mutex};
    const Verdict verdict = s.rules.judge(call);
    if (verdict.error != 0) return fail(verdict.error);
    s.journal.position(s.place);
    const int result = truncateReally();
    if (result == 0) s.journal.truncate(node, size);
    return result;
}

int truncateFd(int fd, off_t size) {
    FAULTFS_NEXT(ftruncate64);
    const std::optional<Node> node = shim().place.node(fd);
    if (!node) return next(fd, size);
    return resize(node->number, size, Call::kTruncate, [&] { return next(fd, size); });
}

int truncatePath(const char* path, off_t size) {
    FAULTFS_NEXT(truncate64);
    const std::optional<Entry> entry = shim().place.entry(AT_FDCWD, path);
    if (!entry) return next(path, size);
    return resize(inodeOf(entry->path), size, Call::kTruncate, [&] { return next(path, size); });
}

/// Space is kept by no record but the file's size, and holes are not supported.
int allocate(int fd, int mode, off_t offset, off_t size) {
    FAULTFS_NEXT(fallocate64);
    const std::optional<Node> node = shim().place.node(fd);
    if (!node) return next(fd, mode, offset, size);
    if ((mode & ~FALLOC_FL_KEEP_SIZE) != 0) return fail(EOPNOTSUPP);
    const off_t end = mode == FALLOC_FL_KEEP_SIZE ? node->size : std::max(node->size, offset + size);
    return resize(node->number, end, Call::kAllocate, [&] { return next(fd, mode, offset, size); });
}

/// Any way to read.
template <typename Read, typename... Arguments>
ssize_t readFile(Read* readReally, int fd, Arguments... arguments) {
    Shim& s = shim();
    if (s.place.node(fd)) {
        const Verdict verdict = s.rules.judge(Call::kRead);
        if (verdict.error != 0) return fail(verdict.error);
    }
    return readReally(fd, arguments...);
}

}  // namespace

}  // namespace faultfs

using faultfs::kAtPosition;

/// A function that writes: `bytes` is what, `offset` where, and `pass` calls libc's for all but the data
/// directory.
#define FAULTFS_WRITE(name, parameters, bytes, offset, ...)                             \
    FAULTFS_INTERCEPT ssize_t name parameters {                                         \
        FAULTFS_NEXT(name);                                                             \
        const auto node = faultfs::shim().place.node(fd);                               \
        return node ? faultfs::writeFile(fd, *node, bytes, offset) : next(__VA_ARGS__); \
    }
#define FAULTFS_BYTES std::string_view(static_cast<const char*>(buffer), count)
#define FAULTFS_PARTS faultfs::gather(parts, count)

FAULTFS_WRITE(write, (int fd, const void* buffer, size_t count), FAULTFS_BYTES, kAtPosition, fd, buffer,
              count)
FAULTFS_WRITE(pwrite, (int fd, const void* buffer, size_t count, off_t offset), FAULTFS_BYTES, offset, fd,
              buffer, count, offset)
FAULTFS_WRITE(pwrite64, (int fd, const void* buffer, size_t count, off_t offset), FAULTFS_BYTES, offset, fd,
              buffer, count, offset)
FAULTFS_WRITE(writev, (int fd, const iovec* parts, int count), FAULTFS_PARTS, kAtPosition, fd, parts, count)
FAULTFS_WRITE(pwritev, (int fd, const iovec* parts, int count, off_t offset), FAULTFS_PARTS, offset, fd,
              parts, count, offset)
FAULTFS_WRITE(pwritev64, (int fd, const iovec* parts, int count, off_t offset), FAULTFS_PARTS, offset, fd,
              parts, count, offset)

#define FAULTFS_READ(name, parameters, ...)              \
    FAULTFS_INTERCEPT ssize_t name parameters {          \
        FAULTFS_NEXT(name);                              \
        return faultfs::readFile(next, fd, __VA_ARGS__); \
    }

FAULTFS_READ(read, (int fd, void* buffer, size_t count), buffer, count)
FAULTFS_READ(pread, (int fd, void* buffer, size_t count, off_t offset), buffer, count, offset)
FAULTFS_READ(pread64, (int fd, void* buffer, size_t count, off_t offset), buffer, count, offset)
FAULTFS_READ(readv, (int fd, const iovec* parts, int count), parts, count)
FAULTFS_READ(preadv, (int fd, const iovec* parts, int count, off_t offset), parts, count, offset)
FAULTFS_READ(preadv64, (int fd, const iovec* parts, int count, off_t offset), parts, count, offset)

FAULTFS_INTERCEPT int fsync(int fd) {
    FAULTFS_NEXT(fsync);
    return faultfs::syncNode(fd, next);
}

FAULTFS_INTERCEPT int fdatasync(int fd) {
    FAULTFS_NEXT(fdatasync);
    return faultfs::syncNode(fd, next);
}

FAULTFS_INTERCEPT int ftruncate(int fd, off_t size) noexcept {
    return faultfs::truncateFd(fd, size);
}

FAULTFS_INTERCEPT int ftruncate64(int fd, off_t size) noexcept {
    return faultfs::truncateFd(fd, size);
}

FAULTFS_INTERCEPT int truncate(const char* path, off_t size) noexcept {
    return faultfs::truncatePath(path, size);
}

FAULTFS_INTERCEPT int truncate64(const char* path, off_t size) noexcept {
    return faultfs::truncatePath(path, size);
}

FAULTFS_INTERCEPT int fallocate(int fd, int mode, off_t offset, off_t size) {
    return faultfs::allocate(fd, mode, offset, size);
}

FAULTFS_INTERCEPT int fallocate64(int fd, int mode, off_t offset, off_t size) {
    return faultfs::allocate(fd, mode, offset, size);
}

FAULTFS_INTERCEPT int posix_fallocate(int fd, off_t offset, off_t size) {
    return faultfs::allocate(fd, 0, offset, size) == 0 ? 0 : errno;
}

FAULTFS_INTERCEPT int posix_fallocate64(int fd, off_t offset, off_t size) {
    return faultfs::allocate(fd, 0, offset, size) == 0 ? 0 : errno;
}
