#include "place.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>

namespace faultfs {

namespace {

std::string realPath(const std::string& path) {
    char resolved[PATH_MAX];
    return ::realpath(path.c_str(), resolved) != nullptr ? resolved : std::string{};
}

std::string descriptorPath(int fd) {
    const std::string link = "/proc/self/fd/" + std::to_string(fd);
    char target[PATH_MAX];
    const ssize_t size = ::readlink(link.c_str(), target, sizeof target);
    return size > 0 ? std::string(target, static_cast<std::size_t>(size)) : std::string{};
}

}  // namespace

Place::Place(const char* root) : root_(root != nullptr ? realPath(root) : std::string{}) {}

bool Place::contains(const std::string& path) const {
    return !root_.empty() && path.starts_with(root_) &&
           (path.size() == root_.size() || path[root_.size()] == '/');
}

std::optional<Entry> Place::entry(int directoryFd, const char* path) const {
    if (root_.empty()) return std::nullopt;
    std::string text = path;
    while (text.size() > 1 && text.back() == '/') text.pop_back();
    if (text.front() != '/' && directoryFd != AT_FDCWD) text = descriptorPath(directoryFd) + '/' + text;
    const std::size_t slash = text.rfind('/');
    const std::string directory = realPath(slash == std::string::npos ? "." : text.substr(0, slash + 1));
    if (!contains(directory)) return std::nullopt;
    const std::string name = text.substr(slash == std::string::npos ? 0 : slash + 1);
    return Entry{directory + '/' + name, name, inodeOf(directory)};
}

std::optional<Node> Place::node(int fd) const {
    struct stat status {};
    if (root_.empty() || ::fstat(fd, &status) != 0) return std::nullopt;
    if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)) return std::nullopt;
    if (!contains(descriptorPath(fd))) return std::nullopt;
    return Node{status.st_ino, S_ISDIR(status.st_mode), status.st_size};
}

bool exists(const std::string& path) {
    return inodeOf(path) != 0;
}

ino_t inodeOf(const std::string& path) {
    struct stat status {};
    return ::lstat(path.c_str(), &status) == 0 ? status.st_ino : 0;
}

}  // namespace faultfs
