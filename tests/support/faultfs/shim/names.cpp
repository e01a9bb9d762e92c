// What makes, removes and changes names: mkdir, unlink, rmdir, remove, rename and their variants.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "real.h"
#include "shim.h"

namespace faultfs {

namespace {

/// Makes `call` and, if it succeeds, has it recorded.
template <typename Do, typename Record>
int change(Call call, Do callReally, Record record) {
    Shim& s = shim();
    const std::lock_guard lock{s.mutex};
    const Verdict verdict = s.rules.judge(call);
    if (verdict.error != 0) return fail(verdict.error);
    s.journal.position(s.place);
    const int result = callReally();
    if (result == 0) record(s.journal);
    return result;
}

int makeDirectory(int directoryFd, const char* path, mode_t mode) {
    FAULTFS_NEXT(mkdirat);
    const std::optional<Entry> entry = shim().place.entry(directoryFd, path);
    if (!entry) return next(directoryFd, path, mode);
    return change(
        Call::kMkdir, [&] { return next(directoryFd, path, mode); },
        [&](Journal& journal) { journal.mkdir(*entry, inodeOf(entry->path)); });
}

/// `removeReally` removes what has this path, a file or a directory.
template <typename Remove>
int removeName(int directoryFd, const char* path, Remove removeReally) {
    const std::optional<Entry> entry = shim().place.entry(directoryFd, path);
    if (!entry) return removeReally();
    return change(Call::kUnlink, removeReally, [&](Journal& journal) { journal.unlink(*entry); });
}

int renameAt(int fromFd, const char* fromPath, int toFd, const char* toPath, unsigned flags) {
    FAULTFS_NEXT(renameat2);
    const auto renameReally = [&] { return next(fromFd, fromPath, toFd, toPath, flags); };
    const std::optional<Entry> from = shim().place.entry(fromFd, fromPath);
    const std::optional<Entry> to = shim().place.entry(toFd, toPath);
    if (!from && !to) return renameReally();
    if (!from || !to) return fail(EXDEV);
    if ((flags & RENAME_EXCHANGE) != 0) return fail(EINVAL);
    return change(Call::kRename, renameReally, [&](Journal& journal) { journal.rename(*from, *to); });
}

}  // namespace

}  // namespace faultfs

FAULTFS_INTERCEPT int mkdir(const char* path, mode_t mode) noexcept {
    return faultfs::makeDirectory(AT_FDCWD, path, mode);
}

FAULTFS_INTERCEPT int mkdirat(int directoryFd, const char* path, mode_t mode) noexcept {
    return faultfs::makeDirectory(directoryFd, path, mode);
}

FAULTFS_INTERCEPT int unlink(const char* path) noexcept {
    FAULTFS_NEXT(unlink);
    return faultfs::removeName(AT_FDCWD, path, [&] { return next(path); });
}

FAULTFS_INTERCEPT int unlinkat(int directoryFd, const char* path, int flags) noexcept {
    FAULTFS_NEXT(unlinkat);
    return faultfs::removeName(directoryFd, path, [&] { return next(directoryFd, path, flags); });
}

FAULTFS_INTERCEPT int rmdir(const char* path) noexcept {
    FAULTFS_NEXT(rmdir);
    return faultfs::removeName(AT_FDCWD, path, [&] { return next(path); });
}

FAULTFS_INTERCEPT int remove(const char* path) noexcept {
    FAULTFS_NEXT(remove);
    return faultfs::removeName(AT_FDCWD, path, [&] { return next(path); });
}

FAULTFS_INTERCEPT int rename(const char* from, const char* to) noexcept {
    return faultfs::renameAt(AT_FDCWD, from, AT_FDCWD, to, 0);
}

FAULTFS_INTERCEPT int renameat(int fromFd, const char* from, int toFd, const char* to) noexcept {
    return faultfs::renameAt(fromFd, from, toFd, to, 0);
}

FAULTFS_INTERCEPT int renameat2(int fromFd, const char* from, int toFd, const char* to,
                                unsigned flags) noexcept {
    return faultfs::renameAt(fromFd, from, toFd, to, flags);
}
