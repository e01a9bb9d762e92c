#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>

namespace nsq::http {

/// What the bodies of all requests may take together, from their first bytes until they are answered: each is
/// bounded by its route, but many clients that send theirs at once, or halves of them, must not use up the
/// server's memory. THREAD: any.
class BodyBudget {
public:
    /// So many of the largest bodies a route allows fit in any case (chosen).
    static constexpr std::size_t kLargest = 4;

    /// `limit` in bytes.
    explicit BodyBudget(std::size_t limit) : limit_(limit) {}

    /// For a body of at most `largest` bytes. False, and nothing is taken, when so many bytes are not left.
    bool take(std::size_t bytes, std::size_t largest) {
        const std::size_t limit = std::max(limit_, kLargest * largest);
        std::size_t used = used_.load(std::memory_order_relaxed);
        do {
            if (used + bytes > limit) return false;
        } while (!used_.compare_exchange_weak(used, used + bytes, std::memory_order_relaxed));
        return true;
    }

    void give(std::size_t bytes) { used_.fetch_sub(bytes, std::memory_order_relaxed); }

private:
    const std::size_t limit_;
    std::atomic<std::size_t> used_{0};
};

/// One body's part of the budget. THREAD: one at a time.
class BodyShare {
public:
    /// So much of each body is free (chosen, bytes): ordinary messages are published however many large
    /// bodies there are.
    static constexpr std::size_t kFree = 64 * 1024;

    /// `budget` outlives the share.
    explicit BodyShare(BodyBudget& budget) : budget_(budget) {}
    BodyShare(const BodyShare&) = delete;
    BodyShare& operator=(const BodyShare&) = delete;
    ~BodyShare() { budget_.give(taken_); }

    /// Takes what a body of `size` bytes, and `largest` at most, needs beyond what it has. False when the
    /// budget has no more.
    bool growTo(std::size_t size, std::size_t largest) {
        const std::size_t needed = std::max(size, kFree) - kFree;
        if (needed <= taken_) return true;
        if (!budget_.take(needed - taken_, largest)) return false;
        taken_ = needed;
        return true;
    }

private:
    BodyBudget& budget_;
    std::size_t taken_ = 0;
};

}  // namespace nsq::http
