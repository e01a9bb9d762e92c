#pragma once

#include <spdlog/logger.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "faults/calling.h"
#include "net/accepted.h"
#include "net/countdown.h"
#include "net/loop_state.h"
#include "net/socket_connection.h"
#include "net/task_loop.h"
#include "nsq/sdk/stats.h"

namespace nsq::net {

/// A thread with an epoll set and the connections it serves. One turn: wait; receive once from every socket
/// that has something; timers; posted tasks; tasks of the turn's end; send every output; close what is
/// closed.
///
/// Without work it sleeps until the next timer. On a turn's way nothing is allocated.
/// THREAD: main for start and stop, the loop for what sdk::Loop says so; else any.
class EventLoop final : public TaskLoop, public faults::FaultHandler {
public:
    /// `name` is the thread's: 15 characters at most. `logger` outlives the loop and is safe from any thread.
    /// So do `owners`, which knows whose code the tasks are; null: it is not told.
    EventLoop(std::string name, spdlog::logger& logger, const ConnectionSettings& settings = {},
              faults::CodeOwners* owners = nullptr);
    ~EventLoop();

    void start();

    /// The loop is to close all connections as they are and to run what is queued, and then ends.
    void beginStop();

    /// beginStop(), and joins the thread. Once only. False when that takes longer than `limit`: the log tells
    /// whose code the thread is in, and the loop and all that it uses must stay until the process ends.
    bool stop(std::chrono::milliseconds limit = faults::kForever);

    sdk::Clock::time_point now() const override { return state_.now; }

    void onFault(faults::Caller caller, const void* code, std::string_view what) override;

    /// Runs `work` on the loop's thread, in the order of the calls: for rare things. False, and `work` is
    /// dropped, when the loop has stopped.
    bool submit(std::function<void()> work);

    /// Serves a new connection, or closes it when the loop has stopped.
    void add(Accepted accepted);

    /// THREAD: the loop, for the rest.

    /// The clients of protocols, as they are now.
    std::vector<sdk::ClientStats> clients();

    /// Closes all connections of that kind once their output is sent, and then calls `done`.
    void closeAll(ConnectionKind kind, std::function<void()> done);

    /// Closes them without sending what is left.
    void dropAll(ConnectionKind kind, std::string_view reason);

private:
    /// Somebody who waits for the last connection of a kind to go.
    struct Waiter {
        ConnectionKind kind;
        std::function<void()> done;
    };

    /// Runs what was submitted.
    class SubmittedTask final : public sdk::LoopTask {
    public:
        explicit SubmittedTask(EventLoop& loop) : loop_(loop) {}
        void run() override { loop_.runSubmitted(); }

    private:
        EventLoop& loop_;
    };

    void wake() override { state_.poller.wake(); }

    void run();
    void turn();
    std::span<const epoll_event> waitForEvents();
    void runTimers();
    void runTasks();
    bool runPosted();
    bool runTurnEnd();
    void runLate(sdk::Clock::duration most);
    void runDecoding();
    bool runResumed();
    void runTask(sdk::LoopTask& task);
    void runSubmitted();
    void endClosed();
    void endInputs();
    void sendOutputs();
    void bury();
    void tellWaiters();
    void shutDown();

    const std::string name_;
    faults::CodeOwners* const owners_;
    LoopState state_;
    SocketConnection::List connections_;
    std::vector<Waiter> waiters_;
    bool stopping_ = false;

    SubmittedTask submittedTask_{*this};
    std::mutex mutex_;  ///< guards the two below
    std::vector<std::function<void()>> submitted_;
    bool stopped_ = false;

    Countdown running_{1};                                          ///< arrives when the thread ends
    std::atomic<const faults::Whereabouts*> whereabouts_{nullptr};  ///< the thread's
    std::thread thread_;
    sdk::Clock::time_point stopBegan_{};  ///< THREAD: that which stops it
};

}  // namespace nsq::net
