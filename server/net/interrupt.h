#pragma once

#include <poll.h>

#include <span>

#include "net/fd.h"
#include "nsq/sdk/loop.h"

namespace nsq::net {

using sdk::Clock;

/// Ends waits for sockets. Once raised it stays so.
class Interrupt {
public:
    /// Throws std::system_error.
    Interrupt();

    /// THREAD: any.
    void raise();
    bool raised() const;

    enum class Waited { kReady, kTimeout, kInterrupted };

    /// Waits until one of the descriptors is ready, as poll tells in their `revents`. kTimeout may come
    /// early. THREAD: any that may block.
    Waited wait(std::span<pollfd> fds, Clock::time_point deadline) const;

    /// The same for one; never early.
    Waited wait(int fd, short events, Clock::time_point deadline) const;

private:
    const Fd event_;
};

}  // namespace nsq::net
