#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "nsq/sdk/loop.h"

namespace nsq::test {

using sdk::Clock;

/// A loop without sockets, turned by the test. THREAD: post: any; the rest: the thread that turns it.
class TestLoop final : public sdk::Loop {
public:
    void post(sdk::LoopTask& task) override {
        const std::lock_guard lock{mutex_};
        posted_.push(task);
        wake_.notify_one();
    }
    void cancel(sdk::LoopTask& task) override {
        const std::lock_guard lock{mutex_};
        posted_.remove(task);
        turnEnd_.remove(task);
    }
    void atTurnEnd(sdk::LoopTask& task) override {
        const std::lock_guard lock{mutex_};
        turnEnd_.push(task);
    }
    bool isCurrentThread() const override { return true; }
    Clock::time_point now() const override { return Clock::now(); }

    /// One turn; false when there was nothing to do.
    bool turn() {
        const bool posted = drain(posted_);
        return drain(turnEnd_) || posted;
    }

    /// Turns until nothing is left to do.
    void settle() {
        while (turn()) continue;
    }

    /// Turns until `condition` holds; false when it does not within `limit`.
    template <typename Condition>
    bool runUntil(Condition condition, std::chrono::milliseconds limit = std::chrono::seconds{20}) {
        const Clock::time_point deadline = Clock::now() + limit;
        for (;;) {
            settle();
            if (condition()) return true;
            if (Clock::now() >= deadline) return false;
            // Not all conditions come with a task: look again in a moment.
            std::unique_lock lock{mutex_};
            if (posted_.empty()) wake_.wait_for(lock, std::chrono::milliseconds{1});
        }
    }

private:
    bool drain(TaskQueue& queue) {
        bool any = false;
        while (sdk::LoopTask* task = pop(queue)) {
            any = true;
            task->run();
        }
        return any;
    }
    sdk::LoopTask* pop(TaskQueue& queue) {
        const std::lock_guard lock{mutex_};
        return queue.pop();
    }

    std::mutex mutex_;
    std::condition_variable wake_;
    TaskQueue posted_;
    TaskQueue turnEnd_;
};

}  // namespace nsq::test
