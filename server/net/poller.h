#pragma once

#include <sys/epoll.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>

#include "net/fd.h"

namespace nsq::net {

/// An epoll set and the eventfd that ends its wait. THREAD: the loop, unless said.
class Poller {
public:
    /// Throws std::system_error when the process has no descriptor left.
    Poller();

    /// Watches `fd`, level-triggered, until it is closed. False, with errno set, if the kernel refuses.
    bool add(int fd, std::uint32_t events, void* tag);
    void modify(int fd, std::uint32_t events, void* tag);

    /// Waits for events, at most `limit` rounded up to milliseconds (nullopt: for ever). Returns those of
    /// sockets; valid until the next call.
    std::span<const epoll_event> wait(std::optional<std::chrono::nanoseconds> limit);

    /// Ends the wait that is under way, or the next one. THREAD: any.
    void wake();

private:
    Fd epoll_;
    Fd wakeUp_;
    std::array<epoll_event, 512> events_;  ///< more wait for the next turn; the kernel serves them in turns
};

}  // namespace nsq::net
