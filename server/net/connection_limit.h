#pragma once

#include <spdlog/logger.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <utility>

#include "nsq/sdk/loop.h"

namespace nsq::net {

/// The place a connection takes of a ConnectionLimit; given back when it is destroyed. Empty by default.
class ConnectionPlace {
public:
    ConnectionPlace() = default;
    explicit ConnectionPlace(std::atomic<std::int64_t>& taken) : taken_(&taken) {}
    ConnectionPlace(ConnectionPlace&& other) noexcept : taken_(std::exchange(other.taken_, nullptr)) {}
    ConnectionPlace& operator=(ConnectionPlace&& other) noexcept {
        std::swap(taken_, other.taken_);
        return *this;
    }
    explicit operator bool() const { return taken_ != nullptr; }

    ~ConnectionPlace() {
        if (taken_ != nullptr) taken_->fetch_sub(1, std::memory_order_relaxed);
    }

private:
    std::atomic<std::int64_t>* taken_ = nullptr;
};

/// How many connections there may be at once. Outlives them. THREAD: one listener's acceptor; places are
/// given back on any.
class ConnectionLimit {
public:
    /// It is over when nothing was refused for so long (chosen): clients that come and go at the limit would
    /// else have it told again and again.
    static constexpr std::chrono::seconds kOverAfter{10};

    /// `most` is at least 1. `logger` outlives the limit.
    ConnectionLimit(std::int64_t most, spdlog::logger& logger) : most_(most), logger_(logger) {}

    /// A place, or an empty one when all are taken. The log tells of the first refusal, and when it is over
    /// how many there were.
    ConnectionPlace admit(sdk::Clock::time_point now);

private:
    const std::int64_t most_;
    spdlog::logger& logger_;
    std::atomic<std::int64_t> taken_{0};
    std::int64_t refused_ = 0;  ///< since the last time that it was over
    sdk::Clock::time_point lastRefusal_;
};

}  // namespace nsq::net
