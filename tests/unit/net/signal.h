#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace nsq::net::test {

/// Longest wait for anything in these tests; only a failing test waits so long.
inline constexpr std::chrono::seconds kPatience{20};

/// Counts what happens on other threads, for a test to wait for.
class Signal {
public:
    void add(int count = 1) {
        const std::lock_guard lock(mutex_);
        count_ += count;
        changed_.notify_all();
    }

    int count() const {
        const std::lock_guard lock(mutex_);
        return count_;
    }

    /// False if the count does not come to `wanted` in time.
    bool reaches(int wanted, std::chrono::milliseconds limit = kPatience) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, limit, [&] { return count_ >= wanted; });
    }

private:
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    int count_ = 0;
};

}  // namespace nsq::net::test
