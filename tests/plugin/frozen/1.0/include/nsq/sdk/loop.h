#pragma once

#include <chrono>

namespace nsq::sdk {

/// Deadlines and intervals are measured with this clock; wall-clock time appears only in message timestamps.
using Clock = std::chrono::steady_clock;

class Connection;
class Loop;

/// Work that can be waiting in a loop's queue, at most once at a time. Its owner derives from it.
/// A task must not be destroyed while it is queued: cancel it first, on its loop.
class LoopTask {
public:
    LoopTask() = default;

    /// `connection` is the one whose work this is, and outlives the task: an exception out of run() closes
    /// it. Without one it is logged, and the loop goes on.
    explicit LoopTask(Connection& connection) : connection_(&connection) {}
    LoopTask(const LoopTask&) = delete;
    LoopTask& operator=(const LoopTask&) = delete;

    /// THREAD: the loop. Must not block. An exception is logged; see the constructors.
    virtual void run() = 0;

protected:
    ~LoopTask() = default;

private:
    friend class Loop;
    LoopTask* next_ = nullptr;  ///< guarded by the lock of the loop's queues, like the two below
    LoopTask* previous_ = nullptr;
    const void* queue_ = nullptr;  ///< the TaskQueue it stands in, or null
    Connection* const connection_ = nullptr;
};

/// A thread that serves many connections. In one turn it reads every socket that has data, gives the bytes to
/// the sessions, runs what was queued, runs the tasks of the turn's end, and then sends every output.
class Loop {
public:
    /// Queues `task`, unless it is queued already, and wakes the loop if it sleeps. Tasks run in the order
    /// they were queued. THREAD: any.
    virtual void post(LoopTask& task) = 0;

    /// Takes `task` out of the queue, if it is there. It does not run after this returns. THREAD: the loop.
    virtual void cancel(LoopTask& task) = 0;

    /// Runs `task` once at the end of this turn: after all sockets were read and all posted tasks ran, before
    /// outputs are sent. THREAD: the loop.
    virtual void atTurnEnd(LoopTask& task) = 0;

    /// True on the loop's own thread. THREAD: any.
    virtual bool isCurrentThread() const = 0;

    /// The time at which this turn began; cheap. THREAD: the loop.
    virtual Clock::time_point now() const = 0;

    /// Runs `task` once behind all tasks of the turn's end, before outputs are sent. When there are many,
    /// some run in the turns after this one: for work that may wait and of which clients can cause much, such
    /// as taking messages for them. Nothing happens if it is queued already. THREAD: the loop.
    virtual void afterTurnEnd(LoopTask& task) { atTurnEnd(task); }

protected:
    virtual ~Loop() = default;

    static Connection* connectionOf(const LoopTask& task) { return task.connection_; }

    /// A queue of tasks for implementations, which bring the lock.
    class TaskQueue {
    public:
        /// False when it stands in this or another queue already.
        bool push(LoopTask& task);
        LoopTask* pop();

        /// Nothing happens when the task does not stand in this queue.
        void remove(LoopTask& task);
        bool empty() const { return first_ == nullptr; }

    private:
        LoopTask* first_ = nullptr;
        LoopTask* last_ = nullptr;
    };
};

}  // namespace nsq::sdk
