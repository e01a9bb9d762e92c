#pragma once

#include <spdlog/logger.h>
#include <spdlog/sinks/ostream_sink.h>

#include <catch2/catch.hpp>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "broker/broker.h"
#include "nsq/sdk/message.h"
#include "unit/broker/test_loop.h"
#include "unit/storage/log_messages.h"
#include "unit/storage/temporary_directory.h"

namespace nsq::test {

using namespace std::chrono_literals;

/// Never passes within a test.
inline constexpr std::chrono::milliseconds kLong{600'000};

/// A broker on a data directory of its own. It can be stopped and started again.
class Server {
public:
    explicit Server(broker::BrokerConfig config = {}) : config_(std::move(config)) {
        config_.dataPath = directory_.path();
        start();
    }

    broker::Broker* operator->() { return broker_.get(); }
    broker::Broker& operator*() { return *broker_; }
    const std::filesystem::path& path() const { return directory_.path(); }
    broker::BrokerConfig& config() { return config_; }

    void start() {
        broker_ = std::make_unique<broker::Broker>(config_, logger_);
        const auto started = broker_->start();
        INFO((started ? "" : started.error().text));
        REQUIRE(started);
        restored_.clear();
        for (const sdk::TopicStats& topic : broker_->stats({})) {
            for (const sdk::ChannelStats& channel : topic.channels) {
                restored_[topic.name + "/" + channel.name] = held(channel) - channel.messageCount;
            }
        }
    }
    void stop() {
        const auto stopped = broker_->stop();
        INFO((stopped ? "" : stopped.error().text));
        REQUIRE(stopped);
        broker_.reset();
    }
    void restart() {
        stop();
        start();
    }
    /// Ends the broker without saving anything, as a crash does.
    void crash() { broker_.reset(); }

    sdk::TopicStats topic(const std::string& name) const {
        const auto stats = broker_->stats({name, {}});
        REQUIRE(stats.size() == 1);
        return stats.front();
    }
    sdk::ChannelStats channel(const std::string& topicName, const std::string& name) const {
        const auto stats = broker_->stats({topicName, name});
        REQUIRE(stats.size() == 1);
        REQUIRE(stats.front().channels.size() == 1);
        return stats.front().channels.front();
    }

    /// Every message of every channel is somewhere, once.
    void checkCounters() const {
        for (const sdk::TopicStats& topic : broker_->stats({})) {
            CHECK(topic.depth >= 0);
            for (const sdk::ChannelStats& channel : topic.channels) {
                CAPTURE(topic.name, channel.name, channel.depth, channel.inFlightCount, channel.deferredCount,
                        channel.finishCount, channel.droppedCount);
                const auto restored = restored_.find(topic.name + "/" + channel.name);
                CHECK(channel.messageCount + (restored == restored_.end() ? 0 : restored->second) ==
                      held(channel) + channel.finishCount + channel.droppedCount);
            }
        }
    }

    /// Publishes and commits.
    void publish(const std::string& topic, const std::vector<std::string>& texts,
                 std::chrono::milliseconds delay = 0ms) {
        std::vector<sdk::Bytes> bodies;
        for (const std::string& text : texts) bodies.push_back(sdk::asBytes(text));
        REQUIRE(broker_->publish({topic, bodies, delay}));
    }

    /// What the broker has logged.
    std::string log() const { return log_.str(); }

private:
    static std::uint64_t held(const sdk::ChannelStats& channel) {
        CHECK(channel.depth >= 0);
        CHECK(channel.inFlightCount >= 0);
        CHECK(channel.deferredCount >= 0);
        return static_cast<std::uint64_t>(channel.depth + channel.inFlightCount + channel.deferredCount);
    }

    TemporaryDirectory directory_;
    std::ostringstream log_;
    spdlog::logger logger_{"test", std::make_shared<spdlog::sinks::ostream_sink_mt>(log_)};
    broker::BrokerConfig config_;
    std::unique_ptr<broker::Broker> broker_;
    std::map<std::string, std::uint64_t> restored_;  ///< messages a channel had at the start
};

/// A consumer as a session is one: it takes what it may whenever it is told to.
class Consumer final : private sdk::SubscriptionListener {
public:
    Consumer(broker::Broker& broker, TestLoop& loop, const std::string& topic, const std::string& channel,
             std::int64_t ready = 1000, sdk::SubscribeOptions options = {kLong, 0})
        : loop_(loop) {
        auto subscribed = broker.subscribe(topic, channel, options, loop, *this);
        INFO((subscribed ? "" : subscribed.error().text));
        REQUIRE(subscribed);
        subscription_ = std::move(subscribed).value();
        if (ready > 0) subscription_->setReady(ready);
    }

    sdk::Subscription* operator->() { return subscription_.get(); }

    /// Takes now what there is.
    std::vector<ReadMessage> take(std::size_t maxBytes = SIZE_MAX) {
        std::vector<sdk::MessageRun> runs;
        const std::size_t count = subscription_->take(maxBytes, runs);
        std::vector<ReadMessage> taken;
        for (const sdk::MessageRun& run : runs) {
            const auto messages = decode(run.frames);
            CHECK(messages.size() == run.count);
            taken.insert(taken.end(), messages.begin(), messages.end());
        }
        CHECK(taken.size() == count);
        return taken;
    }

    /// The same, until there is something: what came back may have to be saved before.
    std::vector<ReadMessage> takeSome(std::size_t maxBytes = SIZE_MAX) {
        std::vector<ReadMessage> taken;
        CHECK(loop_.runUntil([&] { return !(taken = take(maxBytes)).empty(); }));
        return taken;
    }

    /// Turns the loop until `count` messages were received in total; takes as it is told to.
    const std::vector<ReadMessage>& receive(std::size_t count) {
        automatic = true;
        pull();
        loop_.runUntil([&] { return received.size() >= count; });
        automatic = false;
        REQUIRE(received.size() >= count);
        return received;
    }

    bool finish(std::uint64_t id) {
        const sdk::MessageId ids[] = {{id}};
        return subscription_->finish(ids).empty();
    }
    bool finish(const ReadMessage& message) { return finish(message.id); }

    void leave() { subscription_.reset(); }

    std::vector<ReadMessage> received;
    bool automatic = false;  ///< take when told
    int news = 0;
    int closed = 0;

private:
    void onMessagesReady() override {
        ++news;
        if (automatic) pull();
    }
    void onSubscriptionClosed() override { ++closed; }
    void pull() {
        for (ReadMessage& message : take()) received.push_back(std::move(message));
    }

    TestLoop& loop_;
    std::unique_ptr<sdk::Subscription> subscription_;
};

inline std::vector<std::string> bodiesOf(const std::vector<ReadMessage>& messages) {
    std::vector<std::string> bodies;
    for (const ReadMessage& message : messages) bodies.push_back(message.body);
    return bodies;
}

/// "0", "1", ... : texts for messages.
inline std::vector<std::string> numbered(std::size_t count, std::size_t first = 0) {
    std::vector<std::string> texts;
    for (std::size_t i = 0; i < count; ++i) texts.push_back(std::to_string(first + i));
    return texts;
}

using Texts = std::vector<std::string>;

}  // namespace nsq::test
