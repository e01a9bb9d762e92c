#include "net/event_loop.h"

#include <fmt/format.h>
#include <pthread.h>

#include <algorithm>
#include <exception>
#include <memory>
#include <optional>
#include <utility>

#include "faults/exception_text.h"
#include "net/blocked_signals.h"

namespace nsq::net {

namespace {

/// Batches of tasks run before the sockets get their turn again (chosen): enough for tasks that queue others,
/// little enough for those that queue themselves again and again.
constexpr int kMaxBatches = 8;

/// Tasks that may wait for another turn get this time of each (chosen), or as much as all else in it took.
constexpr sdk::Clock::duration kLateTime = std::chrono::milliseconds{1};

}  // namespace

EventLoop::EventLoop(std::string name, spdlog::logger& logger, const ConnectionSettings& settings,
                     faults::CodeOwners* owners)
    : name_(std::move(name)), owners_(owners), state_(logger, settings) {}

EventLoop::~EventLoop() {
    stop();
}

void EventLoop::start() {
    const BlockedSignals blocked;
    thread_ = std::thread([this] { run(); });
    pthread_setname_np(thread_.native_handle(), name_.c_str());
}

void EventLoop::beginStop() {
    if (stopBegan_ != sdk::Clock::time_point{}) return;
    stopBegan_ = sdk::Clock::now();
    submit([this] { stopping_ = true; });
}

bool EventLoop::stop(std::chrono::milliseconds limit) {
    if (!thread_.joinable()) return true;
    beginStop();
    const auto waited = std::chrono::duration_cast<std::chrono::milliseconds>(sdk::Clock::now() - stopBegan_);
    if (running_.waitFor(std::max(limit - waited, std::chrono::milliseconds{0}))) {
        thread_.join();
        return true;
    }
    const faults::Whereabouts* const thread = whereabouts_;
    faults::CodeOwner* const owner =
        thread == nullptr || owners_ == nullptr ? nullptr : faults::ownerOfCall(*thread, *owners_);
    faults::reportHang(state_.logger, owner, name_ + " does not stop", limit);
    thread_.detach();
    return false;
}

bool EventLoop::submit(std::function<void()> work) {
    {
        const std::lock_guard lock(mutex_);
        if (stopped_) return false;
        submitted_.push_back(std::move(work));
    }
    post(submittedTask_);
    return true;
}

void EventLoop::add(Accepted accepted) {
    // std::function wants to be copied, a descriptor does not.
    const auto shared = std::make_shared<Accepted>(std::move(accepted));
    submit([this, shared] {
        SocketConnection& connection = connections_.emplace_back(std::move(*shared), *this, state_);
        connection.start(std::prev(connections_.end()));
    });
}

void EventLoop::runSubmitted() {
    std::vector<std::function<void()>> batch;
    {
        const std::lock_guard lock(mutex_);
        batch.swap(submitted_);
    }
    for (const std::function<void()>& work : batch) {
        work();
        endClosed();
    }
}

void EventLoop::run() {
    enter();
    whereabouts_ = &faults::whereabouts();
    while (!stopping_) turn();
    shutDown();
    running_.arrive();
}

void EventLoop::turn() {
    for (const epoll_event& event : waitForEvents()) {
        static_cast<SocketConnection*>(event.data.ptr)->onEvents(event.events);
        endClosed();
    }
    runDecoding();
    runTimers();
    while (SocketConnection* connection = state_.drained.pop()) {
        connection->callDrained();
        endClosed();
    }
    runTasks();
    endInputs();
    runLate(std::max(kLateTime, sdk::Clock::now() - state_.now));
    sendOutputs();
    bury();
}

std::span<const epoll_event> EventLoop::waitForEvents() {
    const bool idle = state_.idle() && mayRest();
    std::optional<std::chrono::nanoseconds> limit;
    if (!idle) {
        limit = std::chrono::nanoseconds{0};
    } else if (const Timer* timer = state_.timers.next()) {
        limit = timer->when() - sdk::Clock::now();
    }
    const std::span<const epoll_event> events = state_.poller.wait(limit);
    if (idle) awake();
    state_.now = sdk::Clock::now();
    return events;
}

/// A step for each; what wants another gets it in the next turn.
void EventLoop::runDecoding() {
    WorkList batch = state_.decoding.takeAll();
    while (SocketConnection* connection = batch.pop()) {
        connection->callDecode();
        endClosed();
    }
}

void EventLoop::runTimers() {
    while (Timer* timer = state_.timers.popDue(state_.now)) {
        timer->connection().onTimer(*timer);
        endClosed();
    }
}

void EventLoop::runTasks() {
    for (int round = 0; round < kMaxBatches; ++round) {
        for (int batch = 0; batch < kMaxBatches; ++batch) {
            const bool ranTasks = runPosted();
            const bool resumed = runResumed();
            if (!ranTasks && !resumed) break;
        }
        if (!runTurnEnd()) break;
    }
}

bool EventLoop::runPosted() {
    if (!startPosted()) return false;
    while (sdk::LoopTask* task = nextPosted()) runTask(*task);
    return true;
}

bool EventLoop::runTurnEnd() {
    if (!startTurnEnd()) return false;
    while (sdk::LoopTask* task = nextTurnEnd()) runTask(*task);
    return true;
}

/// At least one of them, and the others for as long as `most`.
void EventLoop::runLate(sdk::Clock::duration most) {
    if (!startLate()) return;
    const sdk::Clock::time_point began = sdk::Clock::now();
    while (sdk::LoopTask* task = nextLate()) {
        runTask(*task);
        if (sdk::Clock::now() - began > most) return;
    }
}

bool EventLoop::runResumed() {
    if (state_.resumed.empty()) return false;
    WorkList batch = state_.resumed.takeAll();
    while (SocketConnection* connection = batch.pop()) {
        connection->callResumed();
        endClosed();
    }
    return true;
}

void EventLoop::runTask(sdk::LoopTask& task) {
    // Not of the task any more once it has run: it may be gone.
    const void* const code = faults::codeOf(&task);
    const faults::Caller caller{nullptr, connectionOf(task)};
    const faults::Calling calling(code, caller.connection);
    try {
        task.run();
    } catch (...) {
        onFault(caller, code, "a task");
    }
    endClosed();
}

/// A bug, but not one to lose every other connection for.
void EventLoop::onFault(faults::Caller caller, const void* code, std::string_view what) {
    faults::CodeOwner* owner = caller.owner;
    if (owner == nullptr && owners_ != nullptr) owner = owners_->ofAddress(code);
    // The connection may be gone, and one of somebody else's stand at its address.
    const auto failed = std::ranges::find_if(connections_, [&](const SocketConnection& each) {
        return &each == caller.connection && (owner == nullptr || each.owner() == owner);
    });
    if (failed != connections_.end()) return failed->fail(what);
    const std::string text = fmt::format("{}: {}", what, faults::exceptionText());
    if (owner == nullptr) return state_.logger.error("{}: failed: {}", name_, text);
    state_.logger.error("{}: plugin {} failed: {}", name_, owner->name(), text);
    owner->failed(text);
}

void EventLoop::endClosed() {
    while (SocketConnection* connection = state_.closed.pop()) connection->endSession();
}

void EventLoop::endInputs() {
    // After the tasks: what the client sent last is then published and answered.
    while (SocketConnection* connection = state_.ended.pop()) {
        connection->endInput();
        endClosed();
    }
}

void EventLoop::sendOutputs() {
    while (SocketConnection* connection = state_.touched.pop()) connection->flush();
}

void EventLoop::bury() {
    endClosed();
    while (SocketConnection* connection = state_.dead.pop()) connections_.erase(connection->self());
    if (!waiters_.empty()) tellWaiters();
}

std::vector<sdk::ClientStats> EventLoop::clients() {
    std::vector<sdk::ClientStats> clients;
    for (SocketConnection& connection : connections_) {
        if (connection.kind() == ConnectionKind::kProtocol) connection.describe(clients);
    }
    return clients;
}

void EventLoop::closeAll(ConnectionKind kind, std::function<void()> done) {
    for (SocketConnection& connection : connections_) {
        if (connection.kind() == kind) connection.close("the server stops");
    }
    waiters_.push_back({kind, std::move(done)});
}

void EventLoop::dropAll(ConnectionKind kind, std::string_view reason) {
    for (SocketConnection& connection : connections_) {
        if (connection.kind() == kind) connection.die(reason);
    }
}

void EventLoop::tellWaiters() {
    const auto isGone = [this](const Waiter& waiter) {
        return std::ranges::none_of(connections_, [&](const SocketConnection& connection) {
            return connection.kind() == waiter.kind;
        });
    };
    std::erase_if(waiters_, [&](const Waiter& waiter) {
        if (!isGone(waiter)) return false;
        waiter.done();
        return true;
    });
}

void EventLoop::shutDown() {
    for (int round = 0; round < kMaxBatches; ++round) {
        dropAll(ConnectionKind::kProtocol, "the server has stopped");
        dropAll(ConnectionKind::kHttp, "the server has stopped");
        endClosed();
        runTasks();
        runLate(sdk::Clock::duration::max());
        bury();
    }
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    submitted_.clear();
}

}  // namespace nsq::net
