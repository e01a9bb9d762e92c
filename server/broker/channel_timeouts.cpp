// What becomes due in a channel: timeouts of messages in flight, and deferred messages.

#include <algorithm>
#include <utility>

#include "broker/breath.h"
#include "broker/channel.h"
#include "broker/queue_scan.h"

namespace nsq::broker {

namespace {

/// A message that was delivered for the n-th time comes after a crash as the n-th or the one before: the
/// saved count, and one more.
constexpr int kMostUnsaved = 2;

/// Messages that come due at once, under the lock (chosen). Others who want the channel wait that long.
constexpr std::size_t kMostDue = 1000;

/// The same, of messages that were held until they were saved: these are only moved.
constexpr std::size_t kMostReleased = 10'000;

}  // namespace

bool Channel::onDeadline(Clock::time_point when) {
    const std::lock_guard lock{mutex_};
    // Another, earlier call has been scheduled since and has taken over.
    if (closed_ || when != scheduled_) return false;
    const Clock::time_point now = Clock::now();
    const std::size_t timedOut = timeOut(now);
    wakeDeferred(now, timedOut < kMostDue ? kMostDue - timedOut : 0);
    if (retryAt_ <= now) retryAt_ = Clock::time_point::max();
    scheduled_ = Clock::time_point::max();
    const Clock::time_point next = nextDeadline();
    // Behind the other channels that are due by now: a storm in one must not go before all of them.
    if (next != Clock::time_point::max()) scheduleAt(std::max(next, now));
    wakeOne();
    return next <= now;
}

/// About kMostDue at most. Returns how many.
std::size_t Channel::timeOut(Clock::time_point now) {
    const std::uint64_t before = timeoutCount_;
    const auto isEnough = [&] { return timeoutCount_ - before >= kMostDue; };
    for (Consumer* consumer : consumers_) {
        bool any = false;
        while (!isEnough() && consumer->runs.nextDeadline() <= now) {
            any = true;
            const InFlightRun run = consumer->runs.popFront();
            for (std::uint64_t seq = run.firstSeq; seq < run.firstSeq + run.count; ++seq) {
                if (!run.holds(seq)) continue;
                makeReady(run.message(seq));
                ++timeoutCount_;
            }
        }
        if (any && consumer->room() > 0) wait(*consumer);
    }
    for (const SingleInFlight* first = singles_.earliest();
         !isEnough() && first != nullptr && first->deadline <= now; first = singles_.earliest()) {
        SingleInFlight single = singles_.remove(*first);
        makeReady(std::move(single.message));
        ++timeoutCount_;
        if (single.owner != nullptr && single.owner->room() > 0) wait(*single.owner);
    }
    return timeoutCount_ - before;
}

/// At most `most`.
void Channel::wakeDeferred(Clock::time_point now, std::size_t most) {
    for (; most > 0 && !deferred_.empty() && deferred_.front().due <= now; --most) {
        std::ranges::pop_heap(deferred_, std::less<>{});
        queueAgain(std::move(deferred_.back().message));
        deferred_.pop_back();
    }
}

void Channel::defer(PendingMessage message, Clock::time_point due) noexcept {
    noteKept(message, due);
    deferred_.push_back({due, std::move(message)});
    std::ranges::push_heap(deferred_, std::less<>{});
    if (due < scheduled_) scheduleAt(due);
}

/// `message` is to be delivered again as soon as somebody takes it.
void Channel::makeReady(PendingMessage message) noexcept {
    noteKept(message, {});
    queueAgain(std::move(message));
}

void Channel::queueAgain(PendingMessage message) noexcept {
    if (!mustWait(message)) return ready_.push_back(std::move(message));
    held_.push_back(std::move(message));
    changed();  // or there would be no save to wait for
    if (held_.size() == 1) topic_->hurry();
}

/// After a crash a message must not have lost more than one of its attempts: with kMostUnsaved deliveries
/// that are not saved it is not delivered again before they are.
bool Channel::mustWait(const PendingMessage& message) const {
    if (message.attempts - message.savedAttempts < kMostUnsaved || !isSaved()) return false;
    return !topic_->isDone(message.savedBy) && !topic_->cannotSave.load(std::memory_order_acquire);
}

void Channel::onSaved() {
    std::unique_lock lock{mutex_};
    for (std::size_t left = held_.size(); left > 0; --left) {
        PendingMessage message = std::move(held_.front());
        held_.pop_front();
        queueAgain(std::move(message));
        if (left % kMostReleased != 0) continue;
        wakeOne();
        letOthersIn(lock);
    }
    if (!held_.empty()) topic_->hurry();
    wakeOne();
}

PendingMessage Channel::takeFirstReady() {
    PendingMessage message = std::move(ready_.front());
    ready_.pop_front();
    ++takenReady_;
    if (sortedReady_ > 0) --sortedReady_;
    return message;
}

void Channel::scheduleAt(Clock::time_point when) {
    scheduled_ = when;
    context_.scan.schedule(shared_from_this(), when);
}

Clock::time_point Channel::nextDeadline() const {
    Clock::time_point next = retryAt_;
    if (!deferred_.empty()) next = std::min(next, deferred_.front().due);
    if (const SingleInFlight* first = singles_.earliest()) next = std::min(next, first->deadline);
    for (const Consumer* consumer : consumers_) next = std::min(next, consumer->runs.nextDeadline());
    return next;
}

}  // namespace nsq::broker
