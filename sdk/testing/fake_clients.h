#pragma once

// The fake broker's publishers and subscriptions.

#include <deque>
#include <optional>
#include <string>

#include "nsq/sdk/testing/fake_broker.h"

namespace nsq::sdk::testing {

class FakePublisher final : public Publisher, private LoopTask {
public:
    FakePublisher(FakeBroker& broker, Loop& loop, PublishListener& listener);
    ~FakePublisher() override;

    Result<void> publish(const Publication& publication, std::uint64_t tag) override;
    std::size_t pending() const override { return outcomes_.size(); }

    /// Tells the listener the oldest `count` outcomes.
    void release(std::size_t count);

private:
    struct Outcome {
        std::uint64_t tag;
        std::optional<Error> error;
    };

    void run() override;

    FakeBroker& broker_;
    Loop& loop_;
    PublishListener& listener_;
    std::deque<Outcome> outcomes_;
};

class FakeSubscription final : public Subscription, private LoopTask {
public:
    FakeSubscription(FakeBroker& broker, std::string topic, std::string channelName, FakeChannel& channel,
                     const SubscribeOptions& options, Loop& loop, SubscriptionListener& listener);
    ~FakeSubscription() override;

    void setReady(std::int64_t count) override;
    std::int64_t ready() const override { return ready_; }
    std::size_t take(std::size_t maxBytes, std::vector<MessageRun>& runs) override;
    std::vector<Failure> finish(std::span<const MessageId> ids) override;
    Result<void> requeue(MessageId id, std::chrono::milliseconds delay) override;
    Result<void> touch(MessageId id) override;
    std::int64_t inFlight() const override;

    /// There is something in the channel.
    void tell();

    /// The channel goes.
    void tellClosed();

private:
    void run() override;
    Result<FakePending*> find(MessageId id);
    bool wantsMore() const;

    FakeBroker& broker_;
    const std::string topic_;
    const std::string channelName_;
    FakeChannel* channel_;  ///< null once the channel is gone
    const SubscribeOptions options_;
    Loop& loop_;
    SubscriptionListener& listener_;
    std::int64_t ready_ = 0;
    bool told_ = false;  ///< and take() was not called since
};

}  // namespace nsq::sdk::testing
