// Ways to change files of which the journal could not tell. Below the data directory they fail with an error
// that sends a program (libstdc++ is one) to an ordinary way, or shows that this library must learn them.

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>

#include "real.h"
#include "shim.h"

namespace faultfs {

namespace {

bool concerns(int fd) {
    return shim().place.node(fd).has_value();
}

bool concerns(int directoryFd, const char* path) {
    return shim().place.entry(directoryFd, path).has_value();
}

bool writesThrough(int protection, int flags, int fd) {
    return (protection & PROT_WRITE) != 0 && (flags & MAP_SHARED) != 0 && (flags & MAP_ANONYMOUS) == 0 &&
           concerns(fd);
}

}  // namespace

}  // namespace faultfs

using faultfs::concerns;
using faultfs::fail;

FAULTFS_INTERCEPT ssize_t sendfile(int out, int in, off_t* offset, size_t count) noexcept {
    FAULTFS_NEXT(sendfile);
    return concerns(out) ? fail(EINVAL) : next(out, in, offset, count);
}

FAULTFS_INTERCEPT ssize_t sendfile64(int out, int in, off_t* offset, size_t count) noexcept {
    FAULTFS_NEXT(sendfile64);
    return concerns(out) ? fail(EINVAL) : next(out, in, offset, count);
}

FAULTFS_INTERCEPT ssize_t copy_file_range(int in, off_t* inOffset, int out, off_t* outOffset, size_t count,
                                          unsigned flags) {
    FAULTFS_NEXT(copy_file_range);
    return concerns(out) ? fail(EXDEV) : next(in, inOffset, out, outOffset, count, flags);
}

FAULTFS_INTERCEPT ssize_t pwritev2(int fd, const iovec* parts, int count, off_t offset, int flags) {
    FAULTFS_NEXT(pwritev2);
    return concerns(fd) ? fail(EOPNOTSUPP) : next(fd, parts, count, offset, flags);
}

FAULTFS_INTERCEPT ssize_t pwritev64v2(int fd, const iovec* parts, int count, off_t offset, int flags) {
    FAULTFS_NEXT(pwritev64v2);
    return concerns(fd) ? fail(EOPNOTSUPP) : next(fd, parts, count, offset, flags);
}

FAULTFS_INTERCEPT int link(const char* from, const char* to) noexcept {
    FAULTFS_NEXT(link);
    return concerns(AT_FDCWD, to) ? fail(EPERM) : next(from, to);
}

FAULTFS_INTERCEPT int linkat(int fromFd, const char* from, int toFd, const char* to, int flags) noexcept {
    FAULTFS_NEXT(linkat);
    return concerns(toFd, to) ? fail(EPERM) : next(fromFd, from, toFd, to, flags);
}

FAULTFS_INTERCEPT int symlink(const char* target, const char* path) noexcept {
    FAULTFS_NEXT(symlink);
    return concerns(AT_FDCWD, path) ? fail(EPERM) : next(target, path);
}

FAULTFS_INTERCEPT void* mmap(void* address, size_t size, int protection, int flags, int fd,
                             off_t offset) noexcept {
    FAULTFS_NEXT(mmap);
    if (!faultfs::writesThrough(protection, flags, fd))
        return next(address, size, protection, flags, fd, offset);
    errno = EACCES;
    return MAP_FAILED;
}

FAULTFS_INTERCEPT void* mmap64(void* address, size_t size, int protection, int flags, int fd,
                               off_t offset) noexcept {
    FAULTFS_NEXT(mmap64);
    if (!faultfs::writesThrough(protection, flags, fd))
        return next(address, size, protection, flags, fd, offset);
    errno = EACCES;
    return MAP_FAILED;
}
