#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace nsq::net {

/// Counts arrivals of others; somebody waits for the last. THREAD: any.
class Countdown {
public:
    explicit Countdown(std::size_t expected) : missing_(expected) {}

    void arrive() {
        const std::lock_guard lock(mutex_);
        if (--missing_ == 0) all_.notify_all();
    }

    /// False when `limit` passes first.
    bool waitFor(std::chrono::milliseconds limit) {
        std::unique_lock lock(mutex_);
        return all_.wait_for(lock, limit, [this] { return missing_ == 0; });
    }

private:
    std::mutex mutex_;
    std::condition_variable all_;
    std::size_t missing_;
};

}  // namespace nsq::net
