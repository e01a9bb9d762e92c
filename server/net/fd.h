#pragma once

#include <unistd.h>

#include <utility>

namespace nsq::net {

/// Owns a file descriptor, or none.
class Fd {
public:
    Fd() = default;
    explicit Fd(int fd) : fd_(fd) {}
    Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    ~Fd() {
        if (fd_ >= 0) ::close(fd_);
    }

    Fd& operator=(Fd other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }

    /// -1 when there is none.
    int get() const { return fd_; }

private:
    int fd_ = -1;
};

}  // namespace nsq::net
