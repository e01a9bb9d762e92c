// What is saved of a channel, and how it gives up segments of its topic's log.

#include <algorithm>

#include "broker/breath.h"
#include "broker/channel.h"
#include "broker/saved_time.h"
#include "storage/log_recovery.h"

namespace nsq::broker {

namespace {

/// Changes are saved as such up to this many, apart from as many as there are messages (chosen).
constexpr std::size_t kFewChanges = 4096;

/// Messages listed at once, under the lock (chosen): some hundred microseconds.
constexpr std::size_t kListedAtOnce = 10'000;

storage::SavedMessage savedOf(const PendingMessage& message, std::int64_t dueNs) {
    return {message.seq, message.place.segment->firstSeq(), dueNs, message.place.offset, message.attempts, 0};
}

storage::SavedRun savedOf(const InFlightRun& run) {
    storage::SavedRun saved{run.firstSeq, run.place.segment->firstSeq(), run.place.offset, run.count, {}};
    for (std::uint32_t i = 0; i < run.count; ++i) {
        if (run.unfinished[i]) saved.unfinished[i / 64] |= std::uint64_t{1} << i % 64;
    }
    return saved;
}

}  // namespace

void Channel::changed() {
    if (changed_ || !isSaved()) return;
    changed_ = true;
    topic_->mark();
}

bool Channel::hasChanged() const {
    const std::lock_guard lock{mutex_};
    return changed_;
}

void Channel::noteKept(const PendingMessage& message, Clock::time_point due) {
    if (isSaved()) note(savedOf(message, toUnixNs(due)));
}

void Channel::noteRemoved(std::uint64_t seq) {
    if (isSaved()) note({seq, 0, 0, 0, 0, storage::SavedMessage::kRemoved});
}

/// Of the messages that are kept: all that came back or are deferred, and those in flight outside of runs.
void Channel::note(const storage::SavedMessage& change) {
    changed();
    if (saveAllKept_) return;
    changes_.push_back(change);
    if (!isListing_ &&
        changes_.size() > kFewChanges + 2 * (ready_.size() + singles_.size() + deferred_.size())) {
        changes_.clear();
        saveAllKept_ = true;
    }
}

std::optional<storage::ChannelState> Channel::save(bool everything) {
    std::unique_lock lock{mutex_};
    if (!isSaved() || closed_ || (!everything && !changed_)) return std::nullopt;
    try {
        return collect(everything, lock);
    } catch (...) {
        // Memory ran out, and what was noted is gone: the next save is of all again.
        isListing_ = false;
        saveAllKept_ = true;
        throw;
    }
}

storage::ChannelState Channel::collect(bool everything, std::unique_lock<std::mutex>& lock) {
    storage::ChannelState state;
    state.kept.complete = everything || saveAllKept_;
    if (state.kept.complete) listKept(lock, state.kept.messages);
    if (state.kept.messages.empty()) {
        state.kept.messages = std::move(changes_);
    } else {
        state.kept.messages.insert(state.kept.messages.end(), changes_.begin(), changes_.end());
    }
    changes_.clear();
    state.name = name_;
    state.paused = paused_;
    state.cursor = storage::toSaved(cursor_);
    for (const Gap& gap : gaps_) state.gaps.push_back({gap.fromIndex, storage::toSaved(gap.to)});
    for (const Consumer* consumer : consumers_) {
        for (const InFlightRun& run : consumer->runs) {
            if (run.live > 0) state.runs.push_back(savedOf(run));
        }
    }
    changed_ = false;
    finder_.reset();
    return state;
}

/// All that is kept, in parts: a million take long, and others want the channel meanwhile. What happens to a
/// message between the parts is in changes_, which come behind the list; only a deferred message may leave
/// its place unnoticed when it becomes due, so these are listed before those it would join. The topic's lock,
/// which the caller has, keeps everything else that could empty the channel or move messages out.
void Channel::listKept(std::unique_lock<std::mutex>& lock, storage::SavedMessages& list) {
    changes_.clear();
    saveAllKept_ = false;
    isListing_ = true;
    const auto add = [&](const PendingMessage& message, std::int64_t dueNs) {
        list.push_back(savedOf(message, dueNs));
        if (list.size() % kListedAtOnce != 0) return false;
        letOthersIn(lock);
        return true;
    };
    // At once: the heap is another one after each pause.
    for (const DeferredMessage& deferred : deferred_) {
        list.push_back(savedOf(deferred.message, toUnixNs(deferred.due)));
    }
    for (std::size_t i = 0; i < held_.size(); ++i) add(held_[i], 0);
    const std::uint64_t end = takenReady_ + ready_.size();
    for (std::uint64_t i = takenReady_; i < end; i = std::max(i + 1, takenReady_)) {
        add(ready_[i - takenReady_], 0);
    }
    for (auto at = singles_.begin(); at != singles_.end();) {
        const std::uint64_t seq = at->message.seq;
        at = add(at->message, 0) ? singles_.after(seq) : std::next(at);
    }
    isListing_ = false;
}

void Channel::restore(const storage::ChannelState& state, storage::LogCursor cursor, std::deque<Gap> gaps,
                      std::vector<DeferredMessage> pending) {
    const std::lock_guard lock{mutex_};
    changed_ = false;
    paused_ = state.paused;
    cursor_ = std::move(cursor);
    gaps_ = std::move(gaps);
    for (const Gap& gap : gaps_) gapMessages_ += gap.to.index - gap.fromIndex;
    jumpGaps();
    const auto deferred = std::ranges::partition(
        pending, [](const DeferredMessage& message) { return message.due == Clock::time_point{}; });
    for (auto at = pending.begin(); at != deferred.begin(); ++at) ready_.push_back(std::move(at->message));
    deferred_.assign(std::make_move_iterator(deferred.begin()), std::make_move_iterator(pending.end()));
    std::ranges::make_heap(deferred_, std::less<>{});
    if (const Clock::time_point next = nextDeadline(); next < scheduled_) scheduleAt(next);
}

storage::SegmentPtr Channel::catchUp(const storage::LogCursor& end) {
    const std::lock_guard lock{mutex_};
    if (cursor_.index == end.index && gaps_.empty()) cursor_ = end;
    return cursor_.segment;
}

void Channel::rest(const storage::Extent* oldest) {
    const std::lock_guard lock{mutex_};
    finder_.reset();
    const storage::Extent* const extent = cursor_.extent.get();
    if (extent == nullptr) return;
    const bool isBehind = oldest == nullptr || extent->segment->firstSeq() < oldest->segment->firstSeq() ||
                          (extent->segment == oldest->segment && extent->offset < oldest->offset);
    const bool isCopy = extent->detached.load(std::memory_order_relaxed);
    if (oldest == nullptr || (isBehind && !isCopy)) cursor_.rest();
}

std::uint64_t Channel::unfinished() const {
    const std::lock_guard lock{mutex_};
    std::uint64_t sum = available() + held_.size() + deferred_.size() + singles_.size();
    for (const Consumer* consumer : consumers_) sum += consumer->runs.live();
    return sum;
}

bool Channel::isDrained() const {
    return unfinished() == 0;
}

void Channel::collectHolding(const storage::Segment& segment,
                             std::map<std::uint64_t, DeferredMessage>& messages) const {
    const std::lock_guard lock{mutex_};
    const auto add = [&](const PendingMessage& message, Clock::time_point due) {
        if (message.place.segment.get() == &segment)
            messages.try_emplace(message.seq, DeferredMessage{due, message});
    };
    for (const PendingMessage& message : ready_) add(message, {});
    for (const PendingMessage& message : held_) add(message, {});
    for (const DeferredMessage& deferred : deferred_) add(deferred.message, deferred.due);
    for (const SingleInFlight& single : singles_) add(single.message, {});
    for (const Consumer* consumer : consumers_) {
        for (const InFlightRun& run : consumer->runs) {
            if (run.place.segment.get() != &segment) continue;
            for (std::uint64_t seq = run.firstSeq; seq < run.firstSeq + run.count; ++seq) {
                if (run.holds(seq)) add(run.message(seq), {});
            }
        }
    }
}

void Channel::relocate(const storage::Segment& from,
                       const std::map<std::uint64_t, storage::BatchPlace>& places) {
    const std::lock_guard lock{mutex_};
    const auto move = [&](PendingMessage& message) {
        if (message.place.segment.get() != &from) return false;
        const auto place = places.find(message.seq);
        if (place == places.end()) return false;
        message.place = place->second;
        changed();
        return true;
    };
    for (PendingMessage& message : ready_) {
        if (move(message)) noteKept(message, {});
    }
    for (PendingMessage& message : held_) {
        if (move(message)) noteKept(message, {});
    }
    for (DeferredMessage& deferred : deferred_) {
        if (move(deferred.message)) noteKept(deferred.message, deferred.due);
    }
    for (SingleInFlight& single : singles_) {
        if (move(single.message)) noteKept(single.message, {});
    }
    for (Consumer* consumer : consumers_) {
        for (const InFlightRun& run : consumer->runs.inSegment(from)) {
            for (std::uint64_t seq = run.firstSeq; seq < run.firstSeq + run.count; ++seq) {
                if (!run.holds(seq) || !places.contains(seq)) continue;
                SingleInFlight single = run.single(seq, consumer);
                move(single.message);
                consumer->runs.release(*consumer->runs.find(seq), seq);
                addSingle(std::move(single));
            }
        }
    }
}

}  // namespace nsq::broker
