#include "broker/channel.h"

#include <algorithm>

#include "broker/queue_scan.h"
#include "broker/saved_time.h"
#include "nsq/sdk/names.h"

namespace nsq::broker {

Channel::Channel(std::string name, const ChannelContext& context, std::shared_ptr<TopicShared> topic,
                 storage::LogCursor begin)
    : name_(std::move(name)),
      ephemeral_(sdk::isEphemeral(name_)),
      context_(context),
      topic_(std::move(topic)),
      cursor_(std::move(begin)) {}

void Channel::onDistributed(std::uint64_t total, std::span<const DeferredMessage> deferred) {
    messageCount_.fetch_add(total, std::memory_order_relaxed);
    // Pairs with wait(): either this sees the waiting consumer, or the consumer sees what was distributed.
    if (deferred.empty() && !hungry_.load(std::memory_order_seq_cst)) return;
    const std::lock_guard lock{mutex_};
    for (const DeferredMessage& message : deferred) defer(message.message, message.due);
    wakeOne();
}

std::uint64_t Channel::fresh() const {
    const std::uint64_t distributed = topic_->distributed.load(std::memory_order_seq_cst);
    // A gap is entered before the topic raises its count over it.
    const std::uint64_t passed = cursor_.index + gapMessages_;
    return distributed > passed ? distributed - passed : 0;
}

void Channel::skipUndistributed(const storage::LogCursor& from, const storage::LogCursor& to) {
    const std::lock_guard lock{mutex_};
    if (!gaps_.empty() && gaps_.back().to.index == from.index) {
        gaps_.back().to = to;
    } else {
        gaps_.push_back({from.index, to});
    }
    gaps_.back().to.rest();
    gapMessages_ += to.index - from.index;
    jumpGaps();
    changed();
}

void Channel::jumpGaps() {
    // Past the beginning of a gap it comes only over damage.
    while (!gaps_.empty() && gaps_.front().fromIndex <= cursor_.index) {
        gapMessages_ -= gaps_.front().to.index - gaps_.front().fromIndex;
        if (gaps_.front().to.index > cursor_.index) cursor_ = gaps_.front().to;
        gaps_.pop_front();
    }
}

void Channel::dropBeyond(std::uint64_t most) {
    const std::lock_guard lock{mutex_};
    if (available() <= most) return;
    if (most == 0) {
        // No queue at all: what consumers are ready for is handed over to them all the same.
        for (const Consumer* consumer : consumers_) {
            most += static_cast<std::uint64_t>(std::max<std::int64_t>(consumer->room(), 0));
        }
        if (available() <= most) return;
    }
    std::uint64_t excess = available() - most;
    droppedCount_ += excess;
    for (; excess > 0 && !ready_.empty(); --excess) noteRemoved(takeFirstReady().seq);
    while (excess > 0) {
        const std::uint64_t end = gaps_.empty() ? UINT64_MAX : gaps_.front().fromIndex;
        const std::uint64_t step = std::min(excess, end - cursor_.index);
        if (auto skipped = storage::skip(store(), cursor_, step); !skipped) {
            return onUnreadable(skipped.error(), Clock::now());
        }
        onReadable();
        excess -= step;
        jumpGaps();
    }
    changed();
}

void Channel::empty(const storage::LogCursor& end) {
    const std::lock_guard lock{mutex_};
    if (closed_) return;
    droppedCount_ += available() + held_.size() + singles_.size() + deferred_.size();
    for (const Consumer* consumer : consumers_) droppedCount_ += consumer->runs.live();
    clear();
    cursor_ = end;
    onReadable();
    changed();
    for (Consumer* consumer : consumers_) wait(*consumer);
}

void Channel::clear() {
    changes_.clear();
    saveAllKept_ = true;
    ready_.clear();
    sortedReady_ = 0;
    held_.clear();
    finder_.reset();
    deferred_.clear();
    singles_.clear();
    gaps_.clear();
    gapMessages_ = 0;
    for (Consumer* consumer : consumers_) {
        consumer->runs.clear();
    }
}

void Channel::setPaused(bool paused) {
    const std::lock_guard lock{mutex_};
    paused_ = paused;
    changed();
    wakeOne();
}

bool Channel::paused() const {
    const std::lock_guard lock{mutex_};
    return paused_;
}

bool Channel::close(bool onlyIfUnused) {
    const std::lock_guard lock{mutex_};
    if (onlyIfUnused && !consumers_.empty()) return false;
    closed_ = true;
    onReadable();
    // Consumers may stay for long: they keep none of its messages.
    clear();
    cursor_ = {};
    waiting_.clear();
    hungry_.store(false, std::memory_order_seq_cst);
    for (Consumer* consumer : consumers_) consumer->loop.post(consumer->news);
    return true;
}

bool Channel::closed() const {
    const std::lock_guard lock{mutex_};
    return closed_;
}

sdk::Result<void> Channel::add(Consumer& consumer) {
    const std::lock_guard lock{mutex_};
    if (closed_)
        return sdk::Error{sdk::ErrorCode::kDeleted,
                          "channel " + topic_->name + ":" + name_ + " is being deleted"};
    if (context_.maxConsumers > 0 && consumers_.size() >= static_cast<std::size_t>(context_.maxConsumers)) {
        return sdk::Error{sdk::ErrorCode::kTooManyConsumers, "consumers for " + topic_->name + ":" + name_ +
                                                                 " exceeds limit of " +
                                                                 std::to_string(context_.maxConsumers)};
    }
    consumers_.push_back(&consumer);
    return {};
}

std::size_t Channel::remove(Consumer& consumer) {
    const std::lock_guard lock{mutex_};
    std::erase(consumers_, &consumer);
    std::erase(waiting_, &consumer);
    hungry_.store(!waiting_.empty(), std::memory_order_seq_cst);
    if (closed_) return consumers_.size();
    // What it has in flight stays so until its time is out, without an owner.
    singles_.disown(consumer);
    for (const InFlightRun& run : consumer.runs) {
        for (std::uint64_t seq = run.firstSeq; seq < run.firstSeq + run.count; ++seq) {
            if (run.holds(seq)) addSingle(run.single(seq, nullptr));
        }
    }
    consumer.runs.clear();
    // It may have been told of messages it did not take.
    wakeOne();
    return consumers_.size();
}

std::size_t Channel::consumers() const {
    const std::lock_guard lock{mutex_};
    return consumers_.size();
}

void Channel::addLatencies(LatencySketch& sum) {
    const std::lock_guard lock{mutex_};
    if (latencies_) latencies_->addTo(sum, unixNow());
}

sdk::ChannelStats Channel::stats() const {
    const std::lock_guard lock{mutex_};
    sdk::ChannelStats stats;
    stats.name = name_;
    stats.depth = static_cast<std::int64_t>(available() + held_.size());
    if (const storage::ExtentPtr memory = store().memory()) {
        const std::uint64_t behind =
            memory->firstIndex > cursor_.index ? memory->firstIndex - cursor_.index : 0;
        stats.backendDepth = static_cast<std::int64_t>(std::min(fresh(), behind));
    } else if (isSaved()) {
        stats.backendDepth = static_cast<std::int64_t>(fresh());
    }
    stats.inFlightCount = static_cast<std::int64_t>(singles_.size());
    for (const Consumer* consumer : consumers_) {
        stats.inFlightCount += static_cast<std::int64_t>(consumer->runs.live());
    }
    stats.deferredCount = static_cast<std::int64_t>(deferred_.size());
    stats.messageCount = messageCount_.load(std::memory_order_relaxed);
    stats.requeueCount = requeueCount_;
    stats.timeoutCount = timeoutCount_;
    stats.finishCount = finishCount_;
    stats.droppedCount = droppedCount_;
    stats.clientCount = static_cast<int>(consumers_.size());
    stats.paused = paused_;
    return stats;
}

}  // namespace nsq::broker
