#pragma once

#include <functional>
#include <memory>

#include "broker/channel.h"
#include "broker/consumer.h"
#include "broker/topic.h"
#include "faults/calling.h"

namespace nsq::broker {

class Broker;

/// A session's subscription: stands for one consumer at a channel. THREAD: its loop.
class ChannelSubscription final : public sdk::Subscription, private sdk::LoopTask {
public:
    ChannelSubscription(Broker& broker, std::shared_ptr<Topic> topic, std::shared_ptr<Channel> channel,
                        const sdk::SubscribeOptions& options, sdk::Loop& loop,
                        sdk::SubscriptionListener& listener);
    ~ChannelSubscription() override;

    /// Joins the channel; not joined, it leaves nothing behind. Errors as Channel::add.
    sdk::Result<void> join();

    void setReady(std::int64_t count) override { channel_->setReady(consumer_, count); }
    std::int64_t ready() const override { return channel_->ready(consumer_); }
    std::size_t take(std::size_t maxBytes, std::vector<sdk::MessageRun>& runs) override;
    std::vector<Failure> finish(std::span<const sdk::MessageId> ids) override;
    sdk::Result<void> requeue(sdk::MessageId id, std::chrono::milliseconds delay) override;
    sdk::Result<void> touch(sdk::MessageId id) override;
    std::int64_t inFlight() const override { return channel_->inFlight(consumer_); }

private:
    void run() override;

    Broker& broker_;
    const std::shared_ptr<Topic> topic_;
    const std::shared_ptr<Channel> channel_;
    sdk::SubscriptionListener& listener_;
    const faults::Caller caller_ = faults::currentCaller();
    Consumer consumer_;
    bool joined_ = false;
};

}  // namespace nsq::broker
