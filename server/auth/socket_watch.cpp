#include "auth/socket_watch.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "net/blocked_signals.h"

namespace nsq::auth {

namespace {

/// The longest sleep (chosen): some clocks cannot wait until the end of time.
constexpr std::chrono::hours kLongestSleep{1};

}  // namespace

SocketWatch::~SocketWatch() {
    endAll();
    stop();
}

void SocketWatch::start() {
    const net::BlockedSignals blocked;
    thread_ = std::thread([this] { run(); });
    pthread_setname_np(thread_.native_handle(), "auth-watch");
}

void SocketWatch::endAll() {
    const std::lock_guard lock(mutex_);
    endAll_ = true;
    changed_.notify_all();
}

void SocketWatch::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_all();
    if (thread_.joinable()) thread_.join();
}

void SocketWatch::run() {
    std::unique_lock lock(mutex_);
    while (!stopping_) changed_.wait_until(lock, endOverdue());
}

/// Returns when to look again.
sdk::Clock::time_point SocketWatch::endOverdue() {
    const auto now = sdk::Clock::now();
    auto next = now + kLongestSleep;
    for (Watched& watched : watched_) {
        if (watched.ended) continue;
        if (endAll_ || watched.deadline <= now) {
            watched.ended = true;
            ::shutdown(watched.socket.get(), SHUT_RDWR);
        } else {
            next = std::min(next, watched.deadline);
        }
    }
    return next;
}

SocketWatch::Guard::Guard(SocketWatch& watch, int socket, sdk::Clock::time_point deadline) : watch_(watch) {
    net::Fd duplicate{::fcntl(socket, F_DUPFD_CLOEXEC, 0)};
    if (duplicate.get() < 0) throw std::system_error(errno, std::generic_category(), "watching a socket");
    const std::lock_guard lock(watch.mutex_);
    watched_ = watch.watched_.insert(watch.watched_.end(), Watched{std::move(duplicate), deadline, false});
    watch.changed_.notify_all();
}

SocketWatch::Guard::~Guard() {
    const std::lock_guard lock(watch_.mutex_);
    watch_.watched_.erase(watched_);
}

bool SocketWatch::Guard::ended() const {
    const std::lock_guard lock(watch_.mutex_);
    return watched_->ended;
}

}  // namespace nsq::auth
