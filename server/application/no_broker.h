#pragma once

#include "nsq/sdk/broker.h"

namespace nsq::app {

/// The broker of a program that keeps no messages: it has no topics, and whoever publishes, subscribes or
/// changes something gets kInvalid. It is always well. THREAD: as sdk::Broker.
class NoBroker final : public sdk::Broker {
public:
    std::unique_ptr<sdk::Publisher> openPublisher(sdk::Loop& loop, sdk::PublishListener& listener) override;
    sdk::Result<void> publish(const sdk::Publication& publication) override;
    bool publishWaits() const override { return false; }
    sdk::Result<std::unique_ptr<sdk::Subscription>> subscribe(std::string_view topic,
                                                              std::string_view channel,
                                                              const sdk::SubscribeOptions& options,
                                                              sdk::Loop& loop,
                                                              sdk::SubscriptionListener& listener) override;
    sdk::Result<void> createTopic(std::string_view topic) override;
    sdk::Result<void> deleteTopic(std::string_view topic) override;
    sdk::Result<void> emptyTopic(std::string_view topic) override;
    sdk::Result<void> pauseTopic(std::string_view topic, bool paused) override;
    sdk::Result<void> createChannel(std::string_view topic, std::string_view channel) override;
    sdk::Result<void> deleteChannel(std::string_view topic, std::string_view channel) override;
    sdk::Result<void> emptyChannel(std::string_view topic, std::string_view channel) override;
    sdk::Result<void> pauseChannel(std::string_view topic, std::string_view channel, bool paused) override;
    bool hasTopic(std::string_view) const override { return false; }
    std::vector<sdk::TopicStats> stats(const sdk::StatsFilter&) const override { return {}; }
    sdk::Result<void> health() const override { return {}; }
    std::uint64_t damagedBatches() const override { return 0; }
};

}  // namespace nsq::app
