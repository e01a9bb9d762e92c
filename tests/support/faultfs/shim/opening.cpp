// open, openat, creat and fopen.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <string>

#include "real.h"
#include "shim.h"

namespace faultfs {

namespace {

/// Opens through `openReally`, which returns a descriptor or -1, what `entry` names.
template <typename Open>
int openFile(const Entry& entry, bool mayCreate, bool truncates, Open openReally) {
    Shim& s = shim();
    const std::lock_guard lock{s.mutex};
    const bool creates = mayCreate && !exists(entry.path);
    Verdict verdict = s.rules.judge(Call::kOpen);
    if (verdict.error == 0 && creates) verdict = s.rules.judge(Call::kCreate);
    if (verdict.error != 0) return fail(verdict.error);
    s.journal.position(s.place);
    const int fd = openReally();
    if (fd < 0) return fd;
    const ino_t node = inodeOf(entry.path);
    if (creates) {
        s.journal.create(entry, node);
    } else if (truncates) {
        s.journal.truncate(node, 0);
    }
    return fd;
}

int openAt(int directoryFd, const char* path, int flags, mode_t mode) {
    FAULTFS_NEXT(openat64);
    const std::optional<Entry> entry = shim().place.entry(directoryFd, path);
    if (!entry) return next(directoryFd, path, flags, mode);
    if ((flags & O_TMPFILE) == O_TMPFILE) return fail(EOPNOTSUPP);
    if ((flags & (O_ACCMODE | O_CREAT)) == O_RDONLY) {
        const Verdict verdict = shim().rules.judge(Call::kLook);
        if (verdict.held) shim().rules.waitUntilReplaced();
        if (verdict.error != 0) return fail(verdict.error);
    }
    return openFile(*entry, (flags & O_CREAT) != 0, (flags & O_TRUNC) != 0,
                    [&] { return next(directoryFd, path, flags, mode); });
}

/// The mode is there only if a file may be made.
mode_t modeOf(int flags, va_list arguments) {
    return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
}

FILE* openStream(const char* path, const char* mode) {
    FAULTFS_NEXT(fopen64);
    const std::optional<Entry> entry = shim().place.entry(AT_FDCWD, path);
    if (!entry) return next(path, mode);
    FILE* stream = nullptr;
    openFile(*entry, *mode != 'r', *mode == 'w', [&] {
        stream = next(path, mode);
        return stream != nullptr ? ::fileno(stream) : -1;
    });
    return stream;
}

}  // namespace

}  // namespace faultfs

#define FAULTFS_OPEN(name)                                         \
    FAULTFS_INTERCEPT int name(const char* path, int flags, ...) { \
        va_list arguments;                                         \
        va_start(arguments, flags);                                \
        const mode_t mode = faultfs::modeOf(flags, arguments);     \
        va_end(arguments);                                         \
        return faultfs::openAt(AT_FDCWD, path, flags, mode);       \
    }

#define FAULTFS_OPENAT(name)                                                        \
    FAULTFS_INTERCEPT int name(int directoryFd, const char* path, int flags, ...) { \
        va_list arguments;                                                          \
        va_start(arguments, flags);                                                 \
        const mode_t mode = faultfs::modeOf(flags, arguments);                      \
        va_end(arguments);                                                          \
        return faultfs::openAt(directoryFd, path, flags, mode);                     \
    }

FAULTFS_OPEN(open)
FAULTFS_OPEN(open64)
FAULTFS_OPENAT(openat)
FAULTFS_OPENAT(openat64)

FAULTFS_INTERCEPT int creat(const char* path, mode_t mode) {
    return faultfs::openAt(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

FAULTFS_INTERCEPT int creat64(const char* path, mode_t mode) {
    return faultfs::openAt(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

FAULTFS_INTERCEPT FILE* fopen(const char* path, const char* mode) {
    return faultfs::openStream(path, mode);
}

FAULTFS_INTERCEPT FILE* fopen64(const char* path, const char* mode) {
    return faultfs::openStream(path, mode);
}
