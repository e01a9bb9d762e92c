#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "nsq/sdk/loop.h"

namespace nsq::http::test {

/// A loop whose turns the test makes itself, with a clock that stands still. THREAD: post: any; the rest: the
/// test.
class FakeLoop final : public sdk::Loop {
public:
    void post(sdk::LoopTask& task) override {
        {
            const std::lock_guard lock(mutex_);
            posted_.push(task);
        }
        changed_.notify_all();
    }
    void cancel(sdk::LoopTask& task) override {
        const std::lock_guard lock(mutex_);
        posted_.remove(task);
    }
    void atTurnEnd(sdk::LoopTask& task) override { post(task); }
    bool isCurrentThread() const override { return true; }
    sdk::Clock::time_point now() const override { return now_; }

    void advance(sdk::Clock::duration time) { now_ += time; }

    /// Runs the next posted task, waiting for it if need be. False when none came within 10 s.
    bool runOne() {
        sdk::LoopTask* task = nullptr;
        {
            std::unique_lock lock(mutex_);
            if (!changed_.wait_for(lock, std::chrono::seconds{10}, [this] { return !posted_.empty(); }))
                return false;
            task = posted_.pop();
        }
        task->run();
        return true;
    }

private:
    std::mutex mutex_;  ///< guards posted_
    std::condition_variable changed_;
    TaskQueue posted_;
    sdk::Clock::time_point now_ = sdk::Clock::now();
};

}  // namespace nsq::http::test
