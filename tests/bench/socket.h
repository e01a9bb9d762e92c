#pragma once

#include <cstddef>
#include <span>

#include "nsq/sdk/bytes.h"

namespace nsq::bench {

/// A blocking TCP connection. Errors, and the other side's close, are thrown as std::runtime_error. THREAD:
/// one.
class Socket {
public:
    /// `port` on 127.0.0.1.
    explicit Socket(int port);
    Socket(const Socket&) = delete;
    ~Socket();

    void send(sdk::Bytes bytes);

    /// Waits for something. Returns how many bytes of `to` were filled.
    std::size_t receive(std::span<std::byte> to);

    int fd() const { return fd_; }

private:
    int fd_;
};

}  // namespace nsq::bench
