// How messages leave a channel and come back: what its consumers ask for.

#include <algorithm>
#include <cstring>
#include <random>

#include "broker/channel.h"
#include "broker/saved_time.h"
#include "nsq/sdk/message.h"
#include "storage/batch.h"

namespace nsq::broker {

namespace {

/// True for about `percent` of the calls.
bool inSample(int percent) {
    thread_local std::minstd_rand random{std::random_device{}()};
    return std::uniform_int_distribution{0, 99}(random) < percent;
}

/// Messages delivered again in one take, under the lock (chosen): each costs about a microsecond. The
/// consumer is told of the others behind whoever else waits.
constexpr std::uint64_t kMostAgain = 256;

/// Messages that are delivered again in the order of the log, of those that came back first (chosen): each of
/// their batches is then read once for all of them.
constexpr std::size_t kSortedAtOnce = 4096;

/// What cannot be read is tried again after this time (chosen).
constexpr std::chrono::seconds kRetryAfter{1};

/// A frame in the log counts its first delivery; messages taken over from another server come with more.
void storeAttempts(std::byte* frame, std::uint16_t deliveries) {
    const auto first = sdk::loadBig<std::uint16_t>(frame + sdk::frame::kAttemptsOffset);
    const int attempts = std::min(first + deliveries - 1, int{UINT16_MAX});
    sdk::storeBig(frame + sdk::frame::kAttemptsOffset, static_cast<std::uint16_t>(attempts));
}

std::uint64_t seqOf(sdk::MessageId id) {
    return id.value & storage::TopicLog::kSeqMask;
}

}  // namespace

std::size_t Channel::take(Consumer& consumer, std::size_t maxBytes, std::vector<sdk::MessageRun>& runs) {
    const std::lock_guard lock{mutex_};
    if (closed_) return 0;
    if (available() > 0) changed();
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
    const std::uint64_t half = std::min((budget.messages + 1) / 2, kMostAgain);
    freshFirst_ = both && !freshFirst_;
    if (freshFirst_) takeFresh(consumer, budget, half);
    takeReady(consumer, budget, both && !freshFirst_ ? half : budget.messages);
    // What came back and is left gets its half of the rest of the room as well: in the next take.
    if (ready_.empty()) {
        takeFresh(consumer, budget, budget.messages);
    } else if (!freshFirst_) {
        takeFresh(consumer, budget, half);
    }
}

void Channel::takeReady(Consumer& consumer, Budget& budget, std::uint64_t most) {
    if (budget.bytes == 0) return;
    most = std::min({most, budget.messages, kMostAgain});
    std::vector<storage::Location> found;
    std::size_t bytes = 0;
    sortReady();
    if (!finder_) finder_ = std::make_unique<storage::FrameFinder>(store());
    while (found.size() < most && found.size() < ready_.size()) {
        const PendingMessage& message = ready_[found.size()];
        auto at = finder_->find(message.place, message.seq);
        if (!at) {
            onUnreadable(at.error(), budget.now);
            break;
        }
        onReadable();
        if (at.value().frame == nullptr) {
            if (!found.empty()) break;  // these first
            ++droppedCount_;            // lost; the store has reported it
            --most;
            noteRemoved(takeFirstReady().seq);
            continue;
        }
        const std::size_t size = storage::frameSize(at.value().frame);
        if ((!found.empty() || budget.used) && bytes + size > budget.bytes) break;
        bytes += size;
        found.push_back(std::move(at.value()));
    }
    if (!isSaved()) finder_.reset();
    if (found.empty()) return;
    // The log's frames say attempts 1: deliver copies that say how many it is now.
    storage::Block* const block = storage::Block::create(bytes, store().account());
    budget.runs.push_back(
        {sdk::BufferRef{block}, {block->data(), bytes}, static_cast<std::uint32_t>(found.size())});
    std::byte* to = block->data();
    for (const storage::Location& at : found) {
        PendingMessage message = takeFirstReady();
        if (topic_->isDone(message.savedBy)) message.savedAttempts = message.attempts;
        message.savedBy = topic_->nextSave();
        if (message.attempts < UINT16_MAX) ++message.attempts;
        const std::size_t size = storage::frameSize(at.frame);
        std::memcpy(to, at.frame, size);
        storeAttempts(to, message.attempts);
        to += size;
        SingleInFlight single{std::move(message), budget.now, budget.now + consumer.msgTimeout, &consumer};
        if (keepsLatencies()) single.publishedAt = publishTime(at.frame);
        addSingle(std::move(single));
    }
    budget.used = true;
    budget.messages -= found.size();
    budget.bytes -= std::min(bytes, budget.bytes);
}

/// What several consumers send back again and again is mixed ever more.
void Channel::sortReady() {
    if (sortedReady_ > 0 || isListing_) return;  // a list that is being made must not miss any
    sortedReady_ = std::min(kSortedAtOnce, ready_.size());
    const auto end = ready_.begin() + static_cast<std::ptrdiff_t>(sortedReady_);
    std::ranges::sort(ready_.begin(), end, {}, &PendingMessage::seq);
}

void Channel::takeFresh(Consumer& consumer, Budget& budget, std::uint64_t most) {
    for (;;) {
        const std::uint64_t left = fresh();
        if (left == 0 || most == 0 || budget.messages == 0 || budget.bytes == 0) return;
        const std::uint64_t before = cursor_.index;
        const auto entered = storage::enter(store(), cursor_);
        if (!entered) return onUnreadable(entered.error(), budget.now);
        if (!entered.value()) passMissing(left);
        if (cursor_.index != before) {
            droppedCount_ += cursor_.index - before;  // lost; the store has reported it
            jumpGaps();
            continue;  // what may be taken is counted from here
        }
        std::uint64_t count = std::min({left, most, budget.messages, std::uint64_t{InFlightRun::kMost}});
        if (!gaps_.empty()) count = std::min(count, gaps_.front().fromIndex - cursor_.index);
        if (consumer.sampleRate > 0) count = 1;
        auto got = storage::readRun(store(), cursor_, {count, budget.bytes, budget.used});
        if (!got) return onUnreadable(got.error(), budget.now);
        onReadable();
        storage::LogRun& read = got.value();
        if (read.count == 0) return;  // too large
        jumpGaps();
        if (consumer.sampleRate > 0 && !inSample(consumer.sampleRate)) {
            ++droppedCount_;
            continue;
        }
        most -= read.count;
        startFlight(consumer, budget, read);
    }
}

void Channel::startFlight(Consumer& consumer, Budget& budget, storage::LogRun& read) noexcept {
    budget.used = true;
    budget.messages -= read.count;
    budget.bytes -= std::min(read.bytes, budget.bytes);
    budget.runs.push_back({read.first.owner, read.frames(), read.count});
    InFlightRun run;
    run.firstSeq = read.firstSeq;
    run.place = std::move(read.place);
    run.unfinished.set();
    run.unfinished >>= InFlightRun::kMost - read.count;
    run.count = run.live = read.count;
    run.savedBy = topic_->nextSave();
    run.deliveredAt = budget.now;
    run.deadline = budget.now + consumer.msgTimeout;
    if (keepsLatencies()) run.publishedAt = PublishTimes{read.first.frame, read.count};
    if (run.deadline < scheduled_) scheduleAt(run.deadline);
    consumer.runs.add(std::move(run));
}

/// The log ends before the next `count` messages, which it should have.
void Channel::passMissing(std::uint64_t count) {
    std::uint64_t to = cursor_.index + count;
    if (!gaps_.empty()) to = std::min(to, gaps_.front().fromIndex);
    if (to <= cursor_.index) return;
    if (cursor_.segment) {
        store().reportMissing(cursor_.segment, cursor_.offset,
                              std::to_string(to - cursor_.index) + " messages behind it are missing");
    }
    cursor_.index = to;
}

/// A file cannot be read now; nothing is lost. It is tried again soon, or when somebody asks.
void Channel::onUnreadable(const sdk::Error& error, Clock::time_point now) {
    isUnreadable_ = true;
    topic_->health.failed(topic_->name + ":" + name_, error);
    if (retryAt_ != Clock::time_point::max()) return;
    retryAt_ = now + kRetryAfter;
    if (retryAt_ < scheduled_) scheduleAt(retryAt_);
}

void Channel::onReadable() {
    if (std::exchange(isUnreadable_, false)) topic_->health.recovered(topic_->name + ":" + name_);
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
    if (waiting_.empty() || paused_ || available() == 0 || retryAt_ != Clock::time_point::max()) return;
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
    changed();
    const std::int64_t now = keepsLatencies() ? unixNow() : 0;
    LatencySketch* const latencies = keepsLatencies() ? &latenciesAt(now) : nullptr;
    for (std::size_t i = 0; i < ids.size(); ++i) {
        const std::uint64_t seq = seqOf(ids[i]);
        if (isForeign(consumer, ids[i])) {
            failures.push_back({i, {sdk::ErrorCode::kNotInFlight, "ID not in flight"}});
            continue;
        }
        if (InFlightRun* run = consumer.runs.find(seq)) {
            if (latencies != nullptr) latencies->add(now - run->publishedAt[seq - run->firstSeq]);
            consumer.runs.release(*run, seq);
        } else if (const SingleInFlight* single = singles_.find(seq);
                   single != nullptr && single->owner == &consumer) {
            if (latencies != nullptr) latencies->add(now - single->publishedAt);
            singles_.remove(*single);
            noteRemoved(seq);
        } else {
            failures.push_back({i, notInFlight(consumer, seq)});
            continue;
        }
        ++finishCount_;
    }
    return failures;
}

LatencySketch& Channel::latenciesAt(std::int64_t now) {
    if (!latencies_) latencies_ = std::make_unique<LatencyWindow>(context_.latencyWindow);
    return latencies_->at(now);
}

/// Sequence numbers find messages, but the node's part of the id must be right as well. It is another one's
/// in messages from before node-id was changed: only then the message itself is asked.
bool Channel::isForeign(Consumer& consumer, sdk::MessageId id) const {
    if (id.value >> storage::TopicLog::kSeqBits == static_cast<std::uint64_t>(context_.nodeId)) return false;
    const std::uint64_t seq = seqOf(id);
    PendingMessage message;
    if (const InFlightRun* run = consumer.runs.find(seq)) {
        message = run->message(seq);
    } else if (const SingleInFlight* single = singles_.find(seq)) {
        message = single->message;
    } else {
        return true;
    }
    const auto found = storage::FrameFinder{store()}.find(message.place, seq);
    if (!found || found.value().frame == nullptr) return false;
    const sdk::Bytes text{found.value().frame + sdk::frame::kIdOffset, sdk::MessageId::kTextLength};
    return sdk::MessageId::parse(sdk::asText(text)) != id;
}

sdk::Error Channel::notInFlight(const Consumer& consumer, std::uint64_t seq) const {
    const bool elsewhere =
        singles_.find(seq) != nullptr || std::ranges::any_of(consumers_, [&](Consumer* other) {
            return other != &consumer && other->runs.find(seq) != nullptr;
        });
    if (elsewhere) return {sdk::ErrorCode::kNotOwner, "client does not own message"};
    return {sdk::ErrorCode::kNotInFlight, "ID not in flight"};
}

/// Ends the flight of a message of `consumer`.
sdk::Result<SingleInFlight> Channel::takeBack(Consumer& consumer, sdk::MessageId id) {
    changed();
    const std::uint64_t seq = seqOf(id);
    if (isForeign(consumer, id)) return sdk::Error{sdk::ErrorCode::kNotInFlight, "ID not in flight"};
    if (InFlightRun* run = consumer.runs.find(seq)) {
        SingleInFlight single = run->single(seq, &consumer);
        consumer.runs.release(*run, seq);
        return single;
    }
    const SingleInFlight* const found = singles_.find(seq);
    if (found == nullptr || found->owner != &consumer) return notInFlight(consumer, seq);
    return singles_.remove(*found);
}

sdk::Result<void> Channel::requeue(Consumer& consumer, sdk::MessageId id, std::chrono::milliseconds delay) {
    const std::lock_guard lock{mutex_};
    sdk::Result<SingleInFlight> single = takeBack(consumer, id);
    if (!single) return single.error();
    ++requeueCount_;
    if (delay.count() > 0) {
        defer(alone(std::move(single.value().message)), Clock::now() + delay);
    } else {
        makeReady(std::move(single.value().message));
        wakeOne();
    }
    return {};
}

/// A message in memory may stay for an hour: alone, not with the whole block it came in.
PendingMessage Channel::alone(PendingMessage message) noexcept {
    if (message.place.segment->isInMemory()) {
        const auto found = storage::FrameFinder{store()}.find(message.place, message.seq);
        message.place = storage::copyInMemory(message.seq, found.value(), store().account());
    }
    return message;
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

void Channel::addSingle(SingleInFlight single) noexcept {
    const Clock::time_point deadline = single.deadline;
    noteKept(single.message, {});
    // After damage, recovery gives a message twice rather than not at all: the later flight counts.
    singles_.add(std::move(single));
    if (deadline < scheduled_) scheduleAt(deadline);
}

}  // namespace nsq::broker
