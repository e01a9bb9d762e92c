#pragma once

#include <filesystem>

#include "nsq/sdk/result.h"

namespace nsq::storage {

/// The data directory, held by an exclusive flock for as long as this lives, as nsqd does: a second server on
/// the same directory is refused. The lock survives fork(). THREAD: one at a time.
class DataDirectory {
public:
    /// kStorage with one line that names the directory and the reason: it is missing, no directory, not
    /// writable, or another process holds it.
    static sdk::Result<DataDirectory> open(const std::filesystem::path& path);

    DataDirectory(DataDirectory&& other) noexcept;
    DataDirectory& operator=(DataDirectory&& other) noexcept;
    ~DataDirectory();

    /// Absolute.
    const std::filesystem::path& path() const { return path_; }

private:
    DataDirectory(std::filesystem::path path, int fd);

    std::filesystem::path path_;
    int fd_ = -1;
};

}  // namespace nsq::storage
