#pragma once

#include <chrono>
#include <mutex>
#include <thread>

namespace nsq::broker {

/// Between the parts of a storm's work on one channel (chosen): about what it takes to wake a thread that
/// waits.
inline constexpr std::chrono::microseconds kBreath{100};

/// Unlocks for as long as those who wait for the lock need to get it. A mutex is not fair: without a pause
/// the same thread would have it again before they wake.
inline void letOthersIn(std::unique_lock<std::mutex>& lock) {
    lock.unlock();
    std::this_thread::sleep_for(kBreath);
    lock.lock();
}

}  // namespace nsq::broker
