#include "storage/data_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace nsq::storage {

namespace {

sdk::Error refusal(const std::filesystem::path& path, std::string_view what, int error) {
    return {sdk::ErrorCode::kStorage,
            "data path " + path.string() + ": " + std::string(what) + ": " + std::strerror(error)};
}

}  // namespace

sdk::Result<DataDirectory> DataDirectory::open(const std::filesystem::path& path) {
    std::error_code failure;
    const std::filesystem::path absolute = std::filesystem::absolute(path, failure).lexically_normal();
    if (failure) return refusal(path, "cannot be resolved", failure.value());
    const int fd = ::open(absolute.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return refusal(absolute, "cannot be opened", errno);
    DataDirectory directory{absolute, fd};
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) return refusal(absolute, "cannot be locked", errno);
        return sdk::Error{
            sdk::ErrorCode::kStorage,
            "data path " + absolute.string() +
                ": in use by another process (a running nsqd holds its lock); stop it, or choose "
                "another --data-path"};
    }
    if (::faccessat(AT_FDCWD, absolute.c_str(), R_OK | W_OK | X_OK, AT_EACCESS) != 0) {
        return refusal(absolute, "not writable", errno);
    }
    return directory;
}

DataDirectory::DataDirectory(std::filesystem::path path, int fd) : path_(std::move(path)), fd_(fd) {}

DataDirectory::DataDirectory(DataDirectory&& other) noexcept
    : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)) {}

DataDirectory& DataDirectory::operator=(DataDirectory&& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(fd_, other.fd_);
    return *this;
}

DataDirectory::~DataDirectory() {
    if (fd_ >= 0) ::close(fd_);
}

}  // namespace nsq::storage
