#include "net/task_loop.h"

#include <utility>

namespace nsq::net {

namespace {

thread_local const TaskLoop* loopOfThisThread = nullptr;

}  // namespace

void TaskLoop::enter() {
    loopOfThisThread = this;
}

bool TaskLoop::isCurrentThread() const {
    return loopOfThisThread == this;
}

void TaskLoop::post(sdk::LoopTask& task) {
    bool mustWake = false;
    {
        const std::lock_guard lock(mutex_);
        if (!posted_.coming().push(task)) return;
        mustWake = std::exchange(resting_, false);
    }
    if (mustWake) wake();
}

void TaskLoop::cancel(sdk::LoopTask& task) {
    const std::lock_guard lock(mutex_);
    for (Batches* batches : {&posted_, &turnEnd_, &late_}) {
        batches->queues[0].remove(task);
        batches->queues[1].remove(task);
    }
}

void TaskLoop::atTurnEnd(sdk::LoopTask& task) {
    const std::lock_guard lock(mutex_);
    // A task that is queued elsewhere as well runs once, and not before or behind the turn's end.
    for (Batches* batches : {&posted_, &late_}) {
        batches->queues[0].remove(task);
        batches->queues[1].remove(task);
    }
    turnEnd_.coming().push(task);
}

void TaskLoop::afterTurnEnd(sdk::LoopTask& task) {
    const std::lock_guard lock(mutex_);
    late_.coming().push(task);
}

bool TaskLoop::mayRest() {
    const std::lock_guard lock(mutex_);
    resting_ = posted_.empty() && turnEnd_.empty() && late_.empty();
    return resting_;
}

void TaskLoop::awake() {
    const std::lock_guard lock(mutex_);
    resting_ = false;
}

bool TaskLoop::start(Batches& batches) {
    const std::lock_guard lock(mutex_);
    if (!batches.current().empty()) return true;
    if (batches.coming().empty()) return false;
    batches.incoming = 1 - batches.incoming;
    return true;
}

sdk::LoopTask* TaskLoop::next(Batches& batches) {
    const std::lock_guard lock(mutex_);
    return batches.current().pop();
}

}  // namespace nsq::net
