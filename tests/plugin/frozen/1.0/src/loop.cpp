#include "nsq/sdk/loop.h"

namespace nsq::sdk {

bool Loop::TaskQueue::push(LoopTask& task) {
    if (task.queue_ != nullptr) return false;
    task.queue_ = this;
    task.next_ = nullptr;
    task.previous_ = last_;
    (last_ != nullptr ? last_->next_ : first_) = &task;
    last_ = &task;
    return true;
}

LoopTask* Loop::TaskQueue::pop() {
    LoopTask* task = first_;
    if (task != nullptr) remove(*task);
    return task;
}

void Loop::TaskQueue::remove(LoopTask& task) {
    if (task.queue_ != this) return;
    (task.previous_ != nullptr ? task.previous_->next_ : first_) = task.next_;
    (task.next_ != nullptr ? task.next_->previous_ : last_) = task.previous_;
    task.queue_ = nullptr;
}

}  // namespace nsq::sdk
