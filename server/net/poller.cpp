#include "net/poller.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstddef>
#include <system_error>

namespace nsq::net {

Poller::Poller() : epoll_(::epoll_create1(EPOLL_CLOEXEC)), wakeUp_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    // Edge-triggered: each write is told once, so the eventfd never has to be read.
    if (epoll_.get() < 0 || wakeUp_.get() < 0 || !add(wakeUp_.get(), EPOLLIN | EPOLLET, nullptr)) {
        throw std::system_error(errno, std::generic_category(), "cannot make an event loop");
    }
}

bool Poller::add(int fd, std::uint32_t events, void* tag) {
    epoll_event event{};
    event.events = events;
    event.data.ptr = tag;
    return ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0;
}

void Poller::modify(int fd, std::uint32_t events, void* tag) {
    epoll_event event{};
    event.events = events;
    event.data.ptr = tag;
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event);
}

std::span<const epoll_event> Poller::wait(std::optional<std::chrono::nanoseconds> limit) {
    using std::chrono::milliseconds;
    int timeout = -1;
    if (limit) {
        const auto wanted = std::chrono::ceil<milliseconds>(*limit);
        timeout = static_cast<int>(std::clamp(wanted, milliseconds{0}, milliseconds{INT_MAX}).count());
    }
    // A failure is EINTR: no events.
    const int count = ::epoll_wait(epoll_.get(), events_.data(), static_cast<int>(events_.size()), timeout);
    const auto end = std::remove_if(events_.begin(), events_.begin() + std::max(count, 0),
                                    [](const epoll_event& event) { return event.data.ptr == nullptr; });
    return {events_.begin(), end};
}

void Poller::wake() {
    const std::uint64_t one = 1;
    // Fails only when the counter is full, and then the loop is woken already.
    static_cast<void>(!::write(wakeUp_.get(), &one, sizeof one));
}

}  // namespace nsq::net
