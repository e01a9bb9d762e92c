#include "nsq/sdk/loop.h"

#include <array>
#include <catch2/catch.hpp>

using namespace nsq::sdk;

namespace {

struct Task final : LoopTask {
    void run() override { ++runs; }
    int runs = 0;
};

/// A loop that runs its tasks when told to.
class ManualLoop final : public Loop {
public:
    void post(LoopTask& task) override { posted_.push(task); }
    void cancel(LoopTask& task) override {
        posted_.remove(task);
        turnEnd_.remove(task);
    }
    void atTurnEnd(LoopTask& task) override { turnEnd_.push(task); }
    bool isCurrentThread() const override { return true; }
    Clock::time_point now() const override { return {}; }

    bool tryPost(LoopTask& task) { return posted_.push(task); }
    bool tryAtTurnEnd(LoopTask& task) { return turnEnd_.push(task); }
    LoopTask* pop() { return posted_.pop(); }
    LoopTask* popTurnEnd() { return turnEnd_.pop(); }
    bool empty() const { return posted_.empty() && turnEnd_.empty(); }

private:
    TaskQueue posted_;
    TaskQueue turnEnd_;
};

}  // namespace

TEST_CASE("a task queue is first in, first out") {
    ManualLoop loop;
    std::array<Task, 3> tasks;
    REQUIRE(loop.empty());
    REQUIRE(loop.pop() == nullptr);
    for (Task& task : tasks) loop.post(task);
    for (Task& task : tasks) REQUIRE(loop.pop() == &task);
    REQUIRE(loop.empty());
}

TEST_CASE("a task stands in a queue once") {
    ManualLoop loop;
    Task task;
    REQUIRE(loop.tryPost(task));
    REQUIRE(!loop.tryPost(task));
    REQUIRE(!loop.tryAtTurnEnd(task));
    REQUIRE(loop.pop() == &task);
    REQUIRE(loop.pop() == nullptr);
    REQUIRE(loop.tryAtTurnEnd(task));
    REQUIRE(loop.popTurnEnd() == &task);
    REQUIRE(loop.tryPost(task));
}

TEST_CASE("a task can be taken out of the front, the middle and the end") {
    for (std::size_t removed = 0; removed < 3; ++removed) {
        ManualLoop loop;
        std::array<Task, 3> tasks;
        for (Task& task : tasks) loop.post(task);
        loop.cancel(tasks[removed]);
        loop.cancel(tasks[removed]);
        for (std::size_t i = 0; i < tasks.size(); ++i) {
            if (i != removed) REQUIRE(loop.pop() == &tasks[i]);
        }
        REQUIRE(loop.empty());
        REQUIRE(loop.tryPost(tasks[removed]));
        REQUIRE(loop.pop() == &tasks[removed]);
    }
}

TEST_CASE("taking a task out of a queue it does not stand in leaves both queues whole") {
    ManualLoop loop;
    std::array<Task, 4> tasks;
    loop.post(tasks[0]);
    loop.post(tasks[1]);
    loop.atTurnEnd(tasks[2]);
    loop.atTurnEnd(tasks[3]);
    // Tries the posted queue first, at whose head and tail other tasks stand.
    loop.cancel(tasks[2]);
    REQUIRE(loop.pop() == &tasks[0]);
    REQUIRE(loop.pop() == &tasks[1]);
    REQUIRE(loop.popTurnEnd() == &tasks[3]);
    REQUIRE(loop.empty());
}
