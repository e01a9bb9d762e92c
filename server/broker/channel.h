#pragma once

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "broker/consumer.h"
#include "broker/held_message.h"
#include "broker/latency_window.h"
#include "broker/pending.h"
#include "broker/singles.h"
#include "broker/topic_shared.h"
#include "nsq/sdk/broker.h"
#include "storage/topic_log.h"
#include "storage/topic_state.h"

namespace nsq::broker {

class QueueScan;

/// What all channels of a broker share.
struct ChannelContext {
    QueueScan& scan;
    std::chrono::milliseconds maxMsgTimeout;
    int maxConsumers;                        ///< 0: no limit
    int nodeId;                              ///< the upper bits of the message ids made here
    std::chrono::nanoseconds latencyWindow;  ///< latencies are kept for this long; 0: not at all
};

/// A cursor in its topic's log, and the messages taken and not finished. Consumers share what it has.
/// THREAD: any; one mutex, taken for short steps. Lock order: topic, channel, queue scan, loop.
class Channel : public std::enable_shared_from_this<Channel> {
public:
    /// It begins at `begin` of the topic's log.
    Channel(std::string name, const ChannelContext& context, std::shared_ptr<TopicShared> topic,
            storage::LogCursor begin);

    const std::string& name() const { return name_; }

    // For the topic, under its lock.

    /// `total` messages more were distributed, of which `deferred` wait for a time of their own.
    void onDistributed(std::uint64_t total, std::span<const DeferredMessage> deferred);

    /// Messages from the topic's place `from` to `to` were emptied before they were distributed: the cursor
    /// will jump over them.
    void skipUndistributed(const storage::LogCursor& from, const storage::LogCursor& to);

    /// Drops the oldest waiting messages until `most` are left.
    void dropBeyond(std::uint64_t most);

    /// Drops everything; `end` is the place up to which messages are distributed.
    void empty(const storage::LogCursor& end);

    void setPaused(bool paused);
    bool paused() const;

    /// A stretch of the log the cursor jumps over.
    struct Gap {
        std::uint64_t fromIndex;
        storage::LogCursor to;
    };

    /// Tells all consumers that the channel is gone; it is not used again. With `onlyIfUnused` it refuses,
    /// and returns false, when there are consumers.
    bool close(bool onlyIfUnused);
    bool closed() const;

    // For subscriptions, on their loops.

    sdk::Result<void> add(Consumer& consumer);

    /// Returns how many are left.
    std::size_t remove(Consumer& consumer);

    std::size_t take(Consumer& consumer, std::size_t maxBytes, std::vector<sdk::MessageRun>& runs);
    std::vector<sdk::Subscription::Failure> finish(Consumer& consumer, std::span<const sdk::MessageId> ids);
    sdk::Result<void> requeue(Consumer& consumer, sdk::MessageId id, std::chrono::milliseconds delay);
    sdk::Result<void> touch(Consumer& consumer, sdk::MessageId id);
    void setReady(Consumer& consumer, std::int64_t count);
    std::int64_t inFlight(const Consumer& consumer) const;
    std::int64_t ready(const Consumer& consumer) const;

    // For the queue scan.

    /// Times out and wakes what is due. `when` is the time this call was scheduled for. True: there is more
    /// of it, and it is scheduled again at once; others who want the channel come first.
    bool onDeadline(Clock::time_point when);

    /// All but the latencies.
    sdk::ChannelStats stats() const;

    /// From publishing to FIN, over the window.
    void addLatencies(LatencySketch& sum);

    std::size_t consumers() const;

    // For the keeper, under the topic's lock.

    /// True when there is something to be saved.
    bool hasChanged() const;

    /// What is to be saved: all of it, or what changed since the last call; nothing if nothing did.
    std::optional<storage::ChannelState> save(bool everything);

    /// A save has ended: what waited for it can be delivered again.
    void onSaved();

    /// Becomes what was saved; `cursor` and `pending` are what `state` says.
    void restore(const storage::ChannelState& state, storage::LogCursor cursor, std::deque<Gap> gaps,
                 std::vector<DeferredMessage> pending);

    /// Moves the cursor to `end`, the end of the log, if that is where it stands. Returns the segment it
    /// needs the log from.
    storage::SegmentPtr catchUp(const storage::LogCursor& end);

    /// Lets go of memory before `oldest`, if the cursor is there; null: of all.
    void rest(const storage::Extent* oldest);

    /// Nothing is waiting, in flight or deferred.
    bool isDrained() const;

    /// Messages not finished.
    std::uint64_t unfinished() const;

    /// The messages that hold `segment`, by sequence number.
    void collectHolding(const storage::Segment& segment,
                        std::map<std::uint64_t, DeferredMessage>& messages) const;

    /// Shows every message it has: those that came back, those it has not taken from the log, and the
    /// deferred ones. kStorage, or what `visit` returns. THREAD: nobody uses the topic.
    sdk::Result<void> visitHeld(const HeldVisitor& visit) const;

    /// Where those messages are now.
    void relocate(const storage::Segment& from, const std::map<std::uint64_t, storage::BatchPlace>& places);

private:
    /// What one take() may still give, and what it gave.
    struct Budget {
        std::uint64_t messages;
        std::size_t bytes;
        Clock::time_point now;
        std::vector<sdk::MessageRun>& runs;
        bool used = false;  ///< it gave something: what comes now must fit into `bytes`
    };

    std::uint64_t fresh() const;
    std::uint64_t available() const { return fresh() + ready_.size(); }
    void jumpGaps();
    void clear();
    void fill(Consumer& consumer, Budget& budget);
    void takeReady(Consumer& consumer, Budget& budget, std::uint64_t most);
    void sortReady();
    void takeFresh(Consumer& consumer, Budget& budget, std::uint64_t most);
    void wait(Consumer& consumer);
    void wakeOne();
    sdk::Result<SingleInFlight> takeBack(Consumer& consumer, sdk::MessageId id);
    bool isForeign(Consumer& consumer, sdk::MessageId id) const;
    sdk::Error notInFlight(const Consumer& consumer, std::uint64_t seq) const;

    // A message that is between two places would be lost: when memory runs out here the server ends, and has
    // everything when it is started again.
    void startFlight(Consumer& consumer, Budget& budget, storage::LogRun& read) noexcept;
    void addSingle(SingleInFlight single) noexcept;
    void defer(PendingMessage message, Clock::time_point due) noexcept;
    PendingMessage alone(PendingMessage message) noexcept;
    void makeReady(PendingMessage message) noexcept;
    void queueAgain(PendingMessage message) noexcept;

    bool mustWait(const PendingMessage& message) const;
    PendingMessage takeFirstReady();
    void changed();
    void noteKept(const PendingMessage& message, Clock::time_point due);
    void noteRemoved(std::uint64_t seq);
    void note(const storage::SavedMessage& change);
    storage::ChannelState collect(bool everything, std::unique_lock<std::mutex>& lock);
    void listKept(std::unique_lock<std::mutex>& lock, storage::SavedMessages& list);
    bool isSaved() const { return topic_->keeper != nullptr && !ephemeral_; }
    void passMissing(std::uint64_t count);
    bool keepsLatencies() const { return context_.latencyWindow.count() > 0; }
    LatencySketch& latenciesAt(std::int64_t now);
    void onUnreadable(const sdk::Error& error, Clock::time_point now);
    void onReadable();
    storage::LogStore& store() const { return *topic_->store; }
    std::size_t timeOut(Clock::time_point now);
    void wakeDeferred(Clock::time_point now, std::size_t most);
    void scheduleAt(Clock::time_point when);
    Clock::time_point nextDeadline() const;

    const std::string name_;
    const bool ephemeral_;
    const ChannelContext& context_;
    const std::shared_ptr<TopicShared> topic_;

    /// True while a subscription waits for messages: set under the lock, looked at without it on
    /// distribution.
    std::atomic<bool> hungry_{false};

    mutable std::mutex mutex_;
    storage::LogCursor cursor_;
    std::deque<Gap> gaps_;                          ///< ahead of the cursor, in order
    std::uint64_t gapMessages_ = 0;                 ///< messages in gaps_
    std::deque<PendingMessage> ready_;              ///< came back, to be delivered again
    std::uint64_t takenReady_ = 0;                  ///< messages that left the front of ready_
    std::size_t sortedReady_ = 0;                   ///< so many of ready_, the first, are in the log's order
    std::deque<PendingMessage> held_;               ///< the same, once what is known of them is saved
    std::unique_ptr<storage::FrameFinder> finder_;  ///< of ready_; only until the next save
    std::deque<DeferredMessage> deferred_;          ///< a heap, the earliest first
    Singles singles_;
    std::vector<Consumer*> consumers_;
    std::deque<Consumer*> waiting_;  ///< have room and found nothing, the longest waiting first
    Clock::time_point scheduled_ = Clock::time_point::max();
    Clock::time_point retryAt_ = Clock::time_point::max();  ///< a file could not be read
    bool isUnreadable_ = false;                             ///< when it was last tried
    bool paused_ = false;
    bool closed_ = false;
    bool freshFirst_ =
        false;  ///< who goes first alternates, so that neither requeued nor fresh messages starve

    bool changed_ = true;             ///< since it was saved last
    bool saveAllKept_ = true;         ///< the next save is of all that is kept
    bool isListing_ = false;          ///< listKept() is at work
    storage::SavedMessages changes_;  ///< of what is kept, since it was saved last

    std::atomic<std::uint64_t> messageCount_{0};
    std::uint64_t requeueCount_ = 0;
    std::uint64_t timeoutCount_ = 0;
    std::uint64_t finishCount_ = 0;
    std::uint64_t droppedCount_ = 0;
    std::unique_ptr<LatencyWindow> latencies_;  ///< null until the first FIN
};

}  // namespace nsq::broker
