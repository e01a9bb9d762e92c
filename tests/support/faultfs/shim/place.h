#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

namespace faultfs {

/// A name in a directory at or below the data directory. What it names need not exist.
struct Entry {
    std::string path;
    std::string name;
    ino_t directory;
};

/// An open file or directory at or below the data directory.
struct Node {
    ino_t number;
    bool isDirectory;
    off_t size;
};

/// The data directory. It keeps no table of descriptors: /proc tells what a descriptor is, however it was
/// made (open, dup, a library). THREAD: any.
class Place {
public:
    /// `root`: an existing directory. Without one, nothing is below it.
    explicit Place(const char* root);

    /// Nothing if it is not below the data directory, or its directory does not exist.
    std::optional<Entry> entry(int directoryFd, const char* path) const;
    std::optional<Node> node(int fd) const;

    const std::string& root() const { return root_; }

private:
    bool contains(const std::string& path) const;

    std::string root_;
};

/// Whether something has this path.
bool exists(const std::string& path);

/// The inode number of what has this path; 0 if nothing has.
ino_t inodeOf(const std::string& path);

}  // namespace faultfs
