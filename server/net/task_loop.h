#pragma once

#include <mutex>

#include "nsq/sdk/loop.h"

namespace nsq::net {

/// The part of a loop that keeps its tasks. A task stands in one queue at most: posted, for the turn's
/// end, or behind that.
class TaskLoop : public sdk::Loop {
public:
    void post(sdk::LoopTask& task) final;
    void cancel(sdk::LoopTask& task) final;
    void atTurnEnd(sdk::LoopTask& task) final;
    void afterTurnEnd(sdk::LoopTask& task) final;
    bool isCurrentThread() const final;

protected:
    TaskLoop() = default;
    ~TaskLoop() = default;

    /// Ends the loop's sleep. THREAD: any.
    virtual void wake() = 0;

    /// Makes the calling thread the loop's own.
    void enter();

    /// True if no task is queued. The loop may then sleep until awake(); the first post in between wakes it.
    bool mayRest();
    void awake();

    /// The tasks posted up to now become the current batch, unless there is a rest of the last one; true if
    /// there are any. So for the other kinds. What a task queues while its batch runs belongs to the next
    /// one.
    bool startPosted() { return start(posted_); }
    bool startTurnEnd() { return start(turnEnd_); }
    bool startLate() { return start(late_); }

    /// Takes the next task out of the current batch; null at its end.
    sdk::LoopTask* nextPosted() { return next(posted_); }
    sdk::LoopTask* nextTurnEnd() { return next(turnEnd_); }
    sdk::LoopTask* nextLate() { return next(late_); }

private:
    /// Tasks that came since the last batch began, and the rest of that batch.
    struct Batches {
        TaskQueue queues[2];
        int incoming = 0;

        TaskQueue& coming() { return queues[incoming]; }
        TaskQueue& current() { return queues[1 - incoming]; }
        bool empty() const { return queues[0].empty() && queues[1].empty(); }
    };

    bool start(Batches& batches);
    sdk::LoopTask* next(Batches& batches);

    std::mutex mutex_;  ///< guards the rest; never held while a task runs
    Batches posted_;
    Batches turnEnd_;
    Batches late_;
    bool resting_ = false;  ///< the loop sleeps or is about to, and nobody has woken it yet
};

}  // namespace nsq::net
