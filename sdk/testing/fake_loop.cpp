#include "nsq/sdk/testing/fake_loop.h"

#include <algorithm>
#include <stdexcept>

namespace nsq::sdk::testing {

namespace {

/// Only a failing test waits so long.
constexpr std::chrono::seconds kPatience{20};

}  // namespace

void FakeLoop::post(LoopTask& task) {
    const std::lock_guard lock(mutex_);
    if (std::ranges::find(posted_, &task) == posted_.end()) posted_.push_back(&task);
    queuedOne_.notify_all();
}

void FakeLoop::cancel(LoopTask& task) {
    const std::lock_guard lock(mutex_);
    std::erase(posted_, &task);
    std::erase(turnEnd_, &task);
}

void FakeLoop::atTurnEnd(LoopTask& task) {
    const std::lock_guard lock(mutex_);
    std::erase(posted_, &task);
    if (std::ranges::find(turnEnd_, &task) == turnEnd_.end()) turnEnd_.push_back(&task);
}

bool FakeLoop::idle() const {
    const std::lock_guard lock(mutex_);
    return posted_.empty() && turnEnd_.empty();
}

void FakeLoop::waitForWork() {
    std::unique_lock lock(mutex_);
    if (!queuedOne_.wait_for(lock, kPatience, [this] { return !posted_.empty() || !turnEnd_.empty(); })) {
        throw std::runtime_error{"nothing was posted to the loop"};
    }
}

void FakeLoop::runTurn() {
    for (int round = 0; !idle(); ++round) {
        if (round == 1000) throw std::logic_error{"the loop's tasks queue each other without end"};
        runAll(posted_);
        runAll(turnEnd_);
    }
}

void FakeLoop::runAll(std::deque<LoopTask*>& tasks) {
    std::unique_lock lock(mutex_);
    // Those queued meanwhile wait for the next round.
    for (std::size_t left = tasks.size(); left > 0 && !tasks.empty(); --left) {
        LoopTask* task = tasks.front();
        tasks.pop_front();
        lock.unlock();
        task->run();
        lock.lock();
    }
}

}  // namespace nsq::sdk::testing
