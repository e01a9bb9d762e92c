// How messages leave a channel and come back: what its consumers ask for.

#include <algorithm>
#include <cstring>
#include <random>

#include "broker/channel.h"
#include "nsq/sdk/message.h"

namespace nsq::broker {

namespace {

/// True for about `percent` of the calls.
bool inSample(int percent) {
    thread_local std::minstd_rand random{std::random_device{}()};
    return std::uniform_int_distribution{0, 99}(random) < percent;
}

std::uint64_t seqOf(sdk::MessageId id) {
    return id.value & storage::TopicLog::kSeqMask;
}

}  // namespace

std::size_t Channel::take(Consumer& consumer, std::size_t maxBytes, std::vector<sdk::MessageRun>& runs) {
    const std::lock_guard lock{mutex_};
    if (closed_) return 0;
    if (consumer.waiting) {
        std::erase(waiting_, &consumer);
        consumer.waiting = false;
    }
    const std::int64_t before = consumer.inFlight();
    if (!paused_ && maxBytes > 0 && consumer.room() > 0 && available() > 0) {
        // Those who wait get their share of a burst, as if each had come for it in turn.
        const std::uint64_t share = (available() + waiting_.size()) / (waiting_.size() + 1);
        Budget budget{std::min(static_cast<std::uint64_t>(consumer.room()), share), maxBytes, Clock::now(),
                      runs};
        fill(consumer, budget);
    }
    if (maxBytes > 0 && consumer.room() > 0) wait(consumer);
    hungry_.store(!waiting_.empty(), std::memory_order_seq_cst);
    wakeOne();
    return static_cast<std::size_t>(consumer.inFlight() - before);
}

void Channel::fill(Consumer& consumer, Budget& budget) {
    // With both kinds there, they take turns in going first with half of the room: neither starves the other.
    const bool both = !ready_.empty() && fresh() > 0;
    const std::uint64_t half = (budget.messages + 1) / 2;
    freshFirst_ = both && !freshFirst_;
    if (freshFirst_) takeFresh(consumer, budget, half);
    takeReady(consumer, budget, both && !freshFirst_ ? half : budget.messages);
    takeFresh(consumer, budget, budget.messages);
}

void Channel::takeReady(Consumer& consumer, Budget& budget, std::uint64_t most) {
    if (budget.bytes == 0) return;
    most = std::min({most, budget.messages, static_cast<std::uint64_t>(ready_.size())});
    std::size_t count = 0;
    std::size_t bytes = 0;
    for (; count < most; ++count) {
        const std::size_t size = storage::frameSize(ready_[count].at.frame);
        if ((count > 0 || budget.used) && bytes + size > budget.bytes) break;
        bytes += size;
    }
    if (count == 0) return;
    // The log's frames say attempts 1: deliver copies that say how many it is now.
    storage::Block* const block = storage::Block::create(bytes, account_);
    sdk::BufferRef owner{block};
    std::byte* to = block->data();
    for (std::size_t i = 0; i < count; ++i) {
        PendingMessage message = std::move(ready_.front());
        ready_.pop_front();
        if (message.attempts < UINT16_MAX) ++message.attempts;
        const std::size_t size = storage::frameSize(message.at.frame);
        std::memcpy(to, message.at.frame, size);
        sdk::storeBig(to + sdk::frame::kAttemptsOffset, message.attempts);
        to += size;
        addSingle({std::move(message), budget.now, budget.now + consumer.msgTimeout, &consumer});
    }
    budget.runs.push_back({owner, {block->data(), bytes}, static_cast<std::uint32_t>(count)});
    budget.used = true;
    budget.messages -= count;
    budget.bytes -= std::min(bytes, budget.bytes);
}

void Channel::takeFresh(Consumer& consumer, Budget& budget, std::uint64_t most) {
    for (std::uint64_t left = fresh(); left > 0 && most > 0 && budget.messages > 0 && budget.bytes > 0;) {
        if (budget.used && storage::nextSize(cursor_) > budget.bytes) return;
        std::uint64_t count = std::min({left, most, budget.messages, std::uint64_t{InFlightRun::kMost}});
        if (!gaps_.empty()) count = std::min(count, gaps_.front().fromIndex - cursor_.index);
        if (consumer.sampleRate > 0) count = 1;
        storage::LogRun read = storage::readRun(cursor_, count, budget.bytes);
        jumpGaps();
        left -= read.count;
        if (consumer.sampleRate > 0 && !inSample(consumer.sampleRate)) {
            ++droppedCount_;
            continue;
        }
        budget.used = true;
        most -= read.count;
        budget.messages -= read.count;
        budget.bytes -= std::min(read.bytes, budget.bytes);
        budget.runs.push_back({read.first.owner, read.frames(), read.count});
        InFlightRun run;
        run.firstSeq = read.firstSeq;
        run.first = std::move(read.first);
        run.unfinished.set();
        run.unfinished >>= InFlightRun::kMost - read.count;
        run.count = run.live = read.count;
        run.deliveredAt = budget.now;
        run.deadline = budget.now + consumer.msgTimeout;
        if (run.deadline < scheduled_) scheduleAt(run.deadline);
        consumer.runs.add(std::move(run));
    }
}

void Channel::wait(Consumer& consumer) {
    if (consumer.waiting) return;
    consumer.waiting = true;
    waiting_.push_back(&consumer);
    hungry_.store(true, std::memory_order_seq_cst);
}

/// Tells the consumer that waited longest, if there is something for it. Having taken its part, it wakes the
/// next.
void Channel::wakeOne() {
    if (waiting_.empty() || paused_ || available() == 0) return;
    Consumer& consumer = *waiting_.front();
    waiting_.pop_front();
    consumer.waiting = false;
    hungry_.store(!waiting_.empty(), std::memory_order_seq_cst);
    consumer.loop.post(consumer.news);
}

std::vector<sdk::Subscription::Failure> Channel::finish(Consumer& consumer,
                                                        std::span<const sdk::MessageId> ids) {
    std::vector<sdk::Subscription::Failure> failures;
    const std::lock_guard lock{mutex_};
    for (std::size_t i = 0; i < ids.size(); ++i) {
        const std::uint64_t seq = seqOf(ids[i]);
        if (isForeign(consumer, ids[i])) {
            failures.push_back({i, {sdk::ErrorCode::kNotInFlight, "ID not in flight"}});
            continue;
        }
        if (InFlightRun* run = consumer.runs.find(seq)) {
            consumer.runs.release(*run, seq);
        } else if (const auto single = singles_.find(seq);
                   single != singles_.end() && single->second.owner == &consumer) {
            dropSingle(single->second);
        } else {
            failures.push_back({i, notInFlight(consumer, seq)});
            continue;
        }
        ++finishCount_;
    }
    return failures;
}

/// Sequence numbers find messages, but the node's part of the id must be right as well. It is another one's
/// in messages from before node-id was changed: only then the message itself is asked.
bool Channel::isForeign(Consumer& consumer, sdk::MessageId id) const {
    if (id.value >> storage::TopicLog::kSeqBits == static_cast<std::uint64_t>(context_.nodeId)) return false;
    const std::uint64_t seq = seqOf(id);
    const std::byte* frame = nullptr;
    if (const InFlightRun* run = consumer.runs.find(seq)) {
        frame = run->message(seq).at.frame;
    } else if (const auto single = singles_.find(seq); single != singles_.end()) {
        frame = single->second.message.at.frame;
    }
    if (frame == nullptr) return true;
    const sdk::Bytes text{frame + sdk::frame::kIdOffset, sdk::MessageId::kTextLength};
    return sdk::MessageId::parse(sdk::asText(text)) != id;
}

sdk::Error Channel::notInFlight(const Consumer& consumer, std::uint64_t seq) const {
    const bool elsewhere = singles_.contains(seq) || std::ranges::any_of(consumers_, [&](Consumer* other) {
                               return other != &consumer && other->runs.find(seq) != nullptr;
                           });
    if (elsewhere) return {sdk::ErrorCode::kNotOwner, "client does not own message"};
    return {sdk::ErrorCode::kNotInFlight, "ID not in flight"};
}

/// Ends the flight of a message of `consumer`.
sdk::Result<SingleInFlight> Channel::takeBack(Consumer& consumer, sdk::MessageId id) {
    const std::uint64_t seq = seqOf(id);
    if (isForeign(consumer, id)) return sdk::Error{sdk::ErrorCode::kNotInFlight, "ID not in flight"};
    if (InFlightRun* run = consumer.runs.find(seq)) {
        SingleInFlight single{run->message(seq), run->deliveredAt, run->deadline, &consumer};
        consumer.runs.release(*run, seq);
        return single;
    }
    const auto found = singles_.find(seq);
    if (found == singles_.end() || found->second.owner != &consumer) return notInFlight(consumer, seq);
    SingleInFlight single = found->second;
    dropSingle(single);
    return single;
}

sdk::Result<void> Channel::requeue(Consumer& consumer, sdk::MessageId id, std::chrono::milliseconds delay) {
    const std::lock_guard lock{mutex_};
    sdk::Result<SingleInFlight> single = takeBack(consumer, id);
    if (!single) return single.error();
    ++requeueCount_;
    if (delay.count() > 0) {
        // It may stay for an hour: alone, not with the whole block it came in.
        PendingMessage message = std::move(single.value().message);
        message.at = storage::copyOf(message.at, account_);
        defer(std::move(message), Clock::now() + delay);
    } else {
        ready_.push_back(std::move(single.value().message));
        wakeOne();
    }
    return {};
}

sdk::Result<void> Channel::touch(Consumer& consumer, sdk::MessageId id) {
    const std::lock_guard lock{mutex_};
    sdk::Result<SingleInFlight> single = takeBack(consumer, id);
    if (!single) return single.error();
    single.value().deadline =
        std::min(Clock::now() + consumer.msgTimeout, single.value().deliveredAt + context_.maxMsgTimeout);
    addSingle(std::move(single.value()));
    return {};
}

void Channel::setReady(Consumer& consumer, std::int64_t count) {
    const std::lock_guard lock{mutex_};
    consumer.ready = count;
    if (closed_ || consumer.room() <= 0) return;
    wait(consumer);
    wakeOne();
}

std::int64_t Channel::inFlight(const Consumer& consumer) const {
    const std::lock_guard lock{mutex_};
    return consumer.inFlight();
}

std::int64_t Channel::ready(const Consumer& consumer) const {
    const std::lock_guard lock{mutex_};
    return consumer.ready;
}

void Channel::addSingle(SingleInFlight single) {
    const std::uint64_t seq = single.message.seq;
    const Clock::time_point deadline = single.deadline;
    if (single.owner != nullptr) ++single.owner->singles;
    singleDeadlines_.emplace(deadline, seq);
    singles_.insert_or_assign(seq, std::move(single));
    if (deadline < scheduled_) scheduleAt(deadline);
}

/// `single` may be the one in singles_ itself.
void Channel::dropSingle(const SingleInFlight& single) {
    if (single.owner != nullptr) --single.owner->singles;
    const std::uint64_t seq = single.message.seq;
    singleDeadlines_.erase({single.deadline, seq});
    singles_.erase(seq);
}

}  // namespace nsq::broker
