#include "net/interrupt.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <vector>

namespace nsq::net {

namespace {

/// Never more than poll takes; a wait that ends early is repeated by its caller.
int millisecondsUntil(Clock::time_point deadline) {
    const auto rest = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    return static_cast<int>(std::clamp<std::int64_t>(rest.count(), 0, 3'600'000));
}

}  // namespace

Interrupt::Interrupt() : event_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    if (event_.get() < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
}

void Interrupt::raise() {
    static_cast<void>(::eventfd_write(event_.get(), 1));
}

bool Interrupt::raised() const {
    pollfd event{event_.get(), POLLIN, 0};
    return ::poll(&event, 1, 0) > 0;
}

Interrupt::Waited Interrupt::wait(std::span<pollfd> fds, Clock::time_point deadline) const {
    std::vector<pollfd> all{fds.begin(), fds.end()};
    all.push_back({event_.get(), POLLIN, 0});
    const int ready = ::poll(all.data(), all.size(), millisecondsUntil(deadline));
    if (ready < 0 && errno != EINTR) throw std::system_error(errno, std::generic_category(), "poll");
    if (ready <= 0) return Waited::kTimeout;
    std::copy_n(all.begin(), fds.size(), fds.begin());
    return all.back().revents != 0 ? Waited::kInterrupted : Waited::kReady;
}

Interrupt::Waited Interrupt::wait(int fd, short events, Clock::time_point deadline) const {
    for (;;) {
        pollfd one{fd, events, 0};
        const Waited waited = wait({&one, 1}, deadline);
        if (waited != Waited::kTimeout || Clock::now() >= deadline) return waited;
    }
}

}  // namespace nsq::net
