#include "blocking_link.h"

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

namespace nsq::sdk {

namespace {

Error connectionGone() {
    return {ErrorCode::kExiting, "the connection is gone"};
}

}  // namespace

// As a task it outlives the connection, but is not queued any more after detach().
BlockingLink::BlockingLink(Connection& connection)
    : LoopTask(connection), loop_(connection.loop()), connection_(&connection) {}

std::size_t BlockingLink::give(Bytes data) {
    const std::lock_guard lock(mutex_);
    if (!isOpen()) return data.size();
    const std::size_t count = std::min(kRoom - input_.size(), data.size());
    input_ += asText(data.first(count));
    inputLeft_ = count < data.size();
    changed_.notify_one();
    return count;
}

void BlockingLink::endInput() {
    const std::lock_guard lock(mutex_);
    inputEnded_ = true;
    changed_.notify_one();
}

void BlockingLink::describe(ClientStats& stats) const {
    stats.state = subscription_ ? ClientState::kSubscribed : ClientState::kConnected;
    stats.messageCount = messageCount_;
    if (!subscription_) return;
    stats.topic = topic_;
    stats.channel = channel_;
    stats.readyCount = subscription_->ready();
    stats.inFlightCount = subscription_->inFlight();
}

void BlockingLink::run() {
    runCall();
    moveMessages();
    moveOutput();
    bool resume = false;
    bool close = false;
    std::exception_ptr failure;
    {
        const std::lock_guard lock(mutex_);
        resume = std::exchange(resume_, false);
        close = closing_;
        failure = std::exchange(failure_, nullptr);
    }
    if (failure) std::rethrow_exception(failure);
    if (resume) connection_->resumeInput();
    if (close) connection_->close(closeReason_);
}

void BlockingLink::runCall() {
    const std::function<void(Connection&)>* call = nullptr;
    {
        const std::lock_guard lock(mutex_);
        call = call_;
    }
    if (call == nullptr) return;
    std::exception_ptr error;
    try {
        (*call)(*connection_);
    } catch (...) {
        error = std::current_exception();
    }
    const std::lock_guard lock(mutex_);
    call_ = nullptr;
    callRan_ = true;
    callError_ = std::move(error);
    changed_.notify_one();
}

void BlockingLink::moveOutput() {
    const std::lock_guard lock(mutex_);
    const std::size_t count = closing_ ? output_.size() : std::min(output_.size(), connection_->outputRoom());
    if (count == 0) return;
    connection_->output().write(asBytes(output_).first(count));
    output_.erase(0, count);
    changed_.notify_one();
}

void BlockingLink::moveMessages() {
    if (!subscription_) return;
    bool wanted = false;
    {
        const std::lock_guard lock(mutex_);
        wanted = wantsRuns_;
    }
    if (!std::exchange(news_, false) && !wanted) return;
    // Also when the thread is busy: the broker then turns to other consumers.
    std::vector<MessageRun> runs;
    const std::size_t taken = subscription_->take(wanted ? kRoom : 0, runs);
    if (taken == 0) return;
    messageCount_ += taken;
    const std::lock_guard lock(mutex_);
    std::ranges::move(runs, std::back_inserter(runs_));
    wantsRuns_ = false;
    changed_.notify_one();
}

std::exception_ptr BlockingLink::detach() noexcept {
    std::exception_ptr failure;
    {
        const std::lock_guard lock(mutex_);
        try {
            if (!output_.empty()) connection_->output().write(asBytes(output_));
        } catch (const std::exception&) {
            // No memory, or far too much is unsent. The connection closes anyway.
        }
        output_.clear();
        connection_ = nullptr;
        call_ = nullptr;
        failure = std::exchange(failure_, nullptr);
        changed_.notify_one();
    }
    requeueUnseen();
    subscription_.reset();
    loop_.cancel(*this);
    return failure;
}

/// What cannot be requeued comes back when its timeout passes.
void BlockingLink::requeueUnseen() noexcept {
    for (MessageRun run{}; takeUnseen(run);) {
        if (!subscription_) continue;
        try {
            subscription_->setReady(0);  // they are for others
            while (!run.frames.empty()) {
                static_cast<void>(subscription_->requeue(nextMessage(run.frames).id, {}));
            }
        } catch (const std::exception&) {
            // No memory.
        }
    }
}

/// False when there is none.
bool BlockingLink::takeUnseen(MessageRun& run) {
    const std::lock_guard lock(mutex_);
    if (runs_.empty()) return false;
    run = std::move(runs_.front());
    runs_.pop_front();
    return true;
}

StreamStatus BlockingLink::receive(std::string& bytes, Deadline deadline) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_until(lock, deadline, [this] { return inputWaits() || !isOpen(); })) {
        return StreamStatus::kTimeout;
    }
    if (input_.empty()) return StreamStatus::kEnd;
    bytes += std::exchange(input_, {});
    resume_ = inputLeft_;
    if (resume_) wakeLoop();
    return StreamStatus::kOk;
}

bool BlockingLink::send(Bytes bytes, std::chrono::milliseconds timeout) {
    std::unique_lock lock(mutex_);
    while (!bytes.empty() && isOpen()) {
        if (!changed_.wait_for(lock, timeout, [this] { return output_.size() < kRoom || !isOpen(); })) {
            closing_ = true;
            closeReason_ = "the client does not read";
        } else if (isOpen()) {
            const std::size_t count = std::min(kRoom - output_.size(), bytes.size());
            output_ += asText(bytes.first(count));
            bytes = bytes.subspan(count);
        }
        wakeLoop();
    }
    return isOpen();
}

bool BlockingLink::callOnLoop(const std::function<void(Connection&)>& call) {
    std::unique_lock lock(mutex_);
    if (!isOpen()) return false;
    call_ = &call;
    callRan_ = false;
    wakeLoop();
    changed_.wait(lock, [this] { return call_ == nullptr; });
    if (callError_) std::rethrow_exception(std::exchange(callError_, nullptr));
    return callRan_;
}

Result<void> BlockingLink::subscribe(Broker& broker, std::string_view topic, std::string_view channel,
                                     const SubscribeOptions& options) {
    Result<void> result = connectionGone();
    callOnLoop([&](Connection&) {
        if (subscription_) {
            result = Error{ErrorCode::kInvalid, "there is a subscription already"};
            return;
        }
        auto subscribed = broker.subscribe(topic, channel, options, loop_, *this);
        if (!subscribed) {
            result = subscribed.error();
            return;
        }
        subscription_ = std::move(subscribed).value();
        subscription_->setReady(1);
        topic_ = topic;
        channel_ = channel;
        result = {};
        const std::lock_guard lock(mutex_);
        subscriptionOver_ = false;
    });
    return result;
}

void BlockingLink::unsubscribe() {
    callOnLoop([this](Connection&) {
        requeueUnseen();
        subscription_.reset();
    });
}

Result<void> BlockingLink::callSubscription(const std::function<Result<void>(Subscription&)>& call) {
    Result<void> result = connectionGone();
    callOnLoop([&](Connection&) {
        if (subscription_) result = call(*subscription_);
    });
    return result;
}

StreamStatus BlockingLink::receiveMessage(MessageView& message, BufferRef& owner, Deadline deadline,
                                          bool orInput) {
    std::unique_lock lock(mutex_);
    if (runs_.empty() && !(orInput && inputWaits())) {
        wantsRuns_ = true;
        wakeLoop();
    }
    const bool inTime = changed_.wait_until(lock, deadline, [&] {
        return (orInput && inputWaits()) || !runs_.empty() || subscriptionOver_ || !isOpen();
    });
    wantsRuns_ = false;
    if (!inTime) return StreamStatus::kTimeout;
    if (orInput && inputWaits()) return StreamStatus::kInput;
    if (runs_.empty() || !isOpen()) return StreamStatus::kEnd;
    MessageRun& run = runs_.front();
    owner = run.owner;
    message = nextMessage(run.frames);
    if (run.frames.empty()) runs_.pop_front();
    return StreamStatus::kOk;
}

void BlockingLink::close(std::string_view reason) {
    const std::lock_guard lock(mutex_);
    if (closing_) return;
    closing_ = true;
    closeReason_ = reason;
    input_.clear();
    wakeLoop();
}

void BlockingLink::fail(std::exception_ptr& failure) {
    const std::lock_guard lock(mutex_);
    if (connection_ == nullptr) return;
    failure_ = std::exchange(failure, nullptr);
    closing_ = true;
    wakeLoop();
}

void BlockingLink::end() {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    input_.clear();
    changed_.notify_one();
}

bool BlockingLink::hasEnded() const {
    const std::lock_guard lock(mutex_);
    return ended_;
}

bool BlockingLink::isOver() const {
    const std::lock_guard lock(mutex_);
    return connection_ == nullptr || ended_;
}

void BlockingLink::onMessagesReady() {
    news_ = true;
    loop_.afterTurnEnd(*this);
}

void BlockingLink::onSubscriptionClosed() {
    const std::lock_guard lock(mutex_);
    subscriptionOver_ = true;
    changed_.notify_one();
}

/// With the lock held.
void BlockingLink::wakeLoop() {
    if (connection_ != nullptr) loop_.post(*this);
}

}  // namespace nsq::sdk
