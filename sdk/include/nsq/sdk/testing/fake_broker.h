#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "nsq/sdk/broker.h"

namespace nsq::sdk::testing {

class FakePublisher;
class FakeSubscription;

/// A message as the fake keeps it.
struct FakeMessage {
    std::uint64_t id = 0;
    std::string body;
    std::uint16_t attempts = 0;  ///< deliveries so far
};

/// A message somebody has, or that is not due yet.
struct FakePending {
    FakeMessage message;
    FakeSubscription* owner = nullptr;  ///< null: deferred, or its subscription is gone
    Clock::time_point at;               ///< when it times out, or is due
};

struct FakeChannel {
    std::deque<FakeMessage> waiting;
    std::map<std::uint64_t, FakePending> inFlight;
    std::vector<FakePending> deferred;
    std::set<FakeSubscription*> consumers;
    bool paused = false;
    ChannelStats counters;  ///< the counts only
};

struct FakeTopic {
    std::deque<FakePending> messages;  ///< published before there was a channel
    std::map<std::string, FakeChannel> channels;
    bool paused = false;
    std::uint64_t messageCount = 0;
    std::uint64_t messageBytes = 0;
};

/// A broker in memory, for one thread: enough for a session's tests, with faults on demand. Messages are
/// stored as soon as they are published; their outcomes come at the end of the turn or when the test says so.
/// It must outlive its publishers and subscriptions, and be used with one loop.
class FakeBroker final : public Broker {
public:
    FakeBroker() = default;
    ~FakeBroker();
    FakeBroker(const FakeBroker&) = delete;
    FakeBroker& operator=(const FakeBroker&) = delete;

    // What the test can do.

    /// While on, outcomes wait for releaseOutcomes().
    void holdOutcomes(bool hold) { outcomesHeld_ = hold; }

    /// Gives the oldest `count` outcomes of each publisher to its listener, at once.
    void releaseOutcomes(std::size_t count = SIZE_MAX);

    /// The next Publisher::publish, Broker::publish or subscribe fails with this.
    void failNextPublish(Error error) { publishError_ = std::move(error); }
    void failNextSubscribe(Error error) { subscribeError_ = std::move(error); }

    /// The outcome of the publish that comes `after` further ones is this error.
    void failOutcome(Error error, std::size_t after = 0) {
        outcomeErrors_[published_ + after] = std::move(error);
    }

    /// health() answers this; nullopt for well.
    void setHealth(std::optional<Error> error) { health_ = std::move(error); }

    /// Deferred messages that are due and flights that are over go back to their channels.
    void expire(Clock::time_point now);

    /// What is there. Null when it is not.
    FakeTopic* topic(std::string_view name);
    FakeChannel* channel(std::string_view topic, std::string_view channel);

    /// The bodies of all messages published to a topic, in order.
    std::vector<std::string> published(std::string_view topic) const;

    // sdk::Broker
    std::unique_ptr<Publisher> openPublisher(Loop& loop, PublishListener& listener) override;
    Result<void> publish(const Publication& publication) override;
    bool publishWaits() const override { return false; }
    Result<std::unique_ptr<Subscription>> subscribe(std::string_view topic, std::string_view channel,
                                                    const SubscribeOptions& options, Loop& loop,
                                                    SubscriptionListener& listener) override;
    Result<void> createTopic(std::string_view topic) override;
    Result<void> deleteTopic(std::string_view topic) override;
    Result<void> emptyTopic(std::string_view topic) override;
    Result<void> pauseTopic(std::string_view topic, bool paused) override;
    Result<void> createChannel(std::string_view topic, std::string_view channel) override;
    Result<void> deleteChannel(std::string_view topic, std::string_view channel) override;
    Result<void> emptyChannel(std::string_view topic, std::string_view channel) override;
    Result<void> pauseChannel(std::string_view topic, std::string_view channel, bool paused) override;
    bool hasTopic(std::string_view topic) const override { return topics_.contains(std::string{topic}); }
    std::vector<TopicStats> stats(const StatsFilter& filter) const override;
    Result<void> health() const override;
    std::uint64_t damagedBatches() const override { return 0; }

private:
    friend class FakePublisher;
    friend class FakeSubscription;

    Result<void> append(const Publication& publication, Clock::time_point now);
    FakeTopic& topicFor(std::string_view name);
    FakeChannel& channelFor(FakeTopic& topic, std::string_view name);
    static void put(FakeChannel& channel, const FakePending& pending);
    static void wake(FakeChannel& channel);
    Result<FakeTopic*> find(std::string_view topic);
    Result<FakeChannel*> find(std::string_view topic, std::string_view channel);
    static void closeChannel(FakeChannel& channel);

    std::map<std::string, FakeTopic> topics_;
    std::map<std::string, std::vector<std::string>> history_;
    std::vector<FakePublisher*> publishers_;
    std::optional<Error> publishError_;
    std::optional<Error> subscribeError_;
    std::optional<Error> health_;
    std::map<std::uint64_t, Error> outcomeErrors_;  ///< by number of the publish
    std::uint64_t published_ = 0;                   ///< publishes accepted
    std::uint64_t lastId_ = 0;
    bool outcomesHeld_ = false;
};

}  // namespace nsq::sdk::testing
