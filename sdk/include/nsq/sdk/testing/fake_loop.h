#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>

#include "nsq/sdk/loop.h"

namespace nsq::sdk::testing {

/// A loop without sockets, threads or waiting: the test says when something runs and what time it is.
/// THREAD: the test's only, but for post().
class FakeLoop final : public Loop {
public:
    FakeLoop() = default;
    ~FakeLoop() = default;

    void post(LoopTask& task) override;
    void cancel(LoopTask& task) override;
    void atTurnEnd(LoopTask& task) override;
    bool isCurrentThread() const override { return true; }
    Clock::time_point now() const override { return now_; }

    /// Moves the clock, runs nothing.
    void advance(Clock::duration by) { now_ += by; }

    /// Runs the posted tasks, then those of the turn's end, and so on with what they queue, until nothing is
    /// left or a thousand rounds were not enough (then it throws std::logic_error: they queue each other for
    /// ever).
    void runTurn();

    bool idle() const;

    /// For tests with threads: waits until there is something to run. Throws std::runtime_error after 20 s.
    void waitForWork();

private:
    void runAll(std::deque<LoopTask*>& tasks);

    mutable std::mutex mutex_;  ///< guards the queues; not held while a task runs
    std::condition_variable queuedOne_;
    std::deque<LoopTask*> posted_;
    std::deque<LoopTask*> turnEnd_;
    Clock::time_point now_{std::chrono::hours{1}};  ///< not 0, so that times before it can be told
};

}  // namespace nsq::sdk::testing
