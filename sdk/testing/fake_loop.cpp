#include "nsq/sdk/testing/fake_loop.h"

#include <algorithm>
#include <stdexcept>

namespace nsq::sdk::testing {

void FakeLoop::post(LoopTask& task) {
    if (std::ranges::find(posted_, &task) == posted_.end()) posted_.push_back(&task);
}

void FakeLoop::cancel(LoopTask& task) {
    std::erase(posted_, &task);
    std::erase(turnEnd_, &task);
}

void FakeLoop::atTurnEnd(LoopTask& task) {
    std::erase(posted_, &task);
    if (std::ranges::find(turnEnd_, &task) == turnEnd_.end()) turnEnd_.push_back(&task);
}

void FakeLoop::runTurn() {
    for (int round = 0; !idle(); ++round) {
        if (round == 1000) throw std::logic_error{"the loop's tasks queue each other without end"};
        runAll(posted_);
        runAll(turnEnd_);
    }
}

void FakeLoop::runAll(std::deque<LoopTask*>& tasks) {
    // Those queued meanwhile wait for the next round.
    for (std::size_t left = tasks.size(); left > 0 && !tasks.empty(); --left) {
        LoopTask* task = tasks.front();
        tasks.pop_front();
        task->run();
    }
}

}  // namespace nsq::sdk::testing
