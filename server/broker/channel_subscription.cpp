#include "broker/channel_subscription.h"

#include "broker/broker.h"

namespace nsq::broker {

ChannelSubscription::ChannelSubscription(Broker& broker, std::shared_ptr<Topic> topic,
                                         std::shared_ptr<Channel> channel,
                                         const sdk::SubscribeOptions& options, sdk::Loop& loop,
                                         sdk::SubscriptionListener& listener)
    : broker_(broker),
      topic_(std::move(topic)),
      channel_(std::move(channel)),
      listener_(listener),
      consumer_{
          .loop = loop, .news = *this, .msgTimeout = options.msgTimeout, .sampleRate = options.sampleRate} {}

ChannelSubscription::~ChannelSubscription() {
    if (!joined_) return;
    const std::size_t left = channel_->remove(consumer_);
    // Nobody posts it any more.
    consumer_.loop.cancel(*this);
    if (left == 0) broker_.onUnused(*topic_, *channel_);
}

sdk::Result<void> ChannelSubscription::join() {
    sdk::Result<void> added = channel_->add(consumer_);
    joined_ = added.ok();
    return added;
}

std::size_t ChannelSubscription::take(std::size_t maxBytes, std::vector<sdk::MessageRun>& runs) {
    return channel_->take(consumer_, maxBytes, runs);
}

std::vector<sdk::Subscription::Failure> ChannelSubscription::finish(std::span<const sdk::MessageId> ids) {
    return channel_->finish(consumer_, ids);
}

sdk::Result<void> ChannelSubscription::requeue(sdk::MessageId id, std::chrono::milliseconds delay) {
    return channel_->requeue(consumer_, id, delay);
}

sdk::Result<void> ChannelSubscription::touch(sdk::MessageId id) {
    return channel_->touch(consumer_, id);
}

void ChannelSubscription::run() {
    sdk::SubscriptionListener& listener = listener_;  // which may destroy this subscription
    if (channel_->closed()) {
        faults::callListener(consumer_.loop, caller_, listener, "onSubscriptionClosed",
                             [&] { listener.onSubscriptionClosed(); });
    } else {
        faults::callListener(consumer_.loop, caller_, listener, "onMessagesReady",
                             [&] { listener.onMessagesReady(); });
    }
}

}  // namespace nsq::broker
