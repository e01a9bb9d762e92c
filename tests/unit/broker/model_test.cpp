#include <catch2/catch.hpp>

#include <algorithm>
#include <map>
#include <optional>
#include <random>
#include <set>

#include "unit/broker/fixture.h"

namespace nsq::test {
namespace {

/// What one channel should have. Messages are known by their body, a number.
struct ModelChannel {
    struct Flight {
        std::uint64_t id;
        std::size_t owner;  ///< index of the consumer, or kNobody
    };
    static constexpr std::size_t kNobody = SIZE_MAX;

    std::set<std::string> waiting;
    std::map<std::string, Flight> flying;
    std::set<std::string> deferred;
    std::map<std::string, std::uint16_t> attempts;
    std::uint64_t messages = 0;
    std::uint64_t finished = 0;
    std::uint64_t requeued = 0;
    std::uint64_t dropped = 0;
    bool paused = false;
};

struct ModelTopic {
    std::set<std::string> waiting;  ///< not yet given to channels
    std::set<std::string> deferred;
    std::map<std::string, ModelChannel> channels;
    std::uint64_t messages = 0;
    bool paused = false;

    void distribute() {
        if (paused || channels.empty()) return;
        for (auto& [name, channel] : channels) {
            channel.waiting.insert(waiting.begin(), waiting.end());
            channel.deferred.insert(deferred.begin(), deferred.end());
            channel.messages += waiting.size() + deferred.size();
        }
        waiting.clear();
        deferred.clear();
    }
};

/// Does the same to a broker and to the model, and compares.
class Comparison {
public:
    explicit Comparison(unsigned seed) : random_(seed), server_(smallFiles()) {}

    void step() {
        const std::string topic = pick(kTopics);
        const std::string channel = pick(kChannels);
        const auto kind = random_() % 1000;
        if (kind < 250)
            publish(topic, random_() % 5 == 0);
        else if (kind < 500)
            take();
        else if (kind < 650)
            finish();
        else if (kind < 730)
            requeue();
        else if (kind < 770)
            touch();
        else if (kind < 810)
            setReady();
        else if (kind < 850)
            subscribe(topic, channel);
        else if (kind < 880)
            leave();
        else if (kind < 900)
            createChannel(topic, channel);
        else if (kind < 905)
            deleteChannel(topic, channel);
        else if (kind < 907)
            deleteTopic(topic);
        else if (kind < 940)
            pauseTopic(topic);
        else if (kind < 960)
            pauseChannel(topic, channel);
        else if (kind < 972)
            emptyTopic(topic);
        else if (kind < 978)
            emptyChannel(topic, channel);
        else if (kind < 981)
            restart();
        loop_.settle();
        compare();
    }

private:
    struct Sitting {
        std::string topic;
        std::string channel;
        std::unique_ptr<Consumer> consumer;
    };

    inline static const Texts kTopics{"a", "b"};
    inline static const Texts kChannels{"x", "y", "z"};

    static broker::BrokerConfig smallFiles() {
        broker::BrokerConfig config;
        config.maxBytesPerFile = 3000;
        return config;
    }
    const std::string& pick(const Texts& of) { return of[random_() % of.size()]; }
    ModelChannel* find(const std::string& topic, const std::string& channel) {
        const auto found = topics_.find(topic);
        if (found == topics_.end()) return nullptr;
        const auto at = found->second.channels.find(channel);
        return at == found->second.channels.end() ? nullptr : &at->second;
    }
    /// Some consumer, if there is one.
    std::optional<std::size_t> sitting() {
        std::vector<std::size_t> there;
        for (const auto& [index, consumer] : sittings_) there.push_back(index);
        if (there.empty()) return std::nullopt;
        return there[random_() % there.size()];
    }
    /// Some message in flight on the consumer's channel, its own most of the time.
    std::optional<std::string> flying(const ModelChannel& channel, std::size_t owner) {
        Texts bodies;
        const bool anybody = random_() % 8 == 0;
        for (const auto& [body, flight] : channel.flying) {
            if (anybody || flight.owner == owner) bodies.push_back(body);
        }
        if (bodies.empty()) return std::nullopt;
        return bodies[random_() % bodies.size()];
    }

    void publish(const std::string& name, bool deferred) {
        ModelTopic& topic = topics_[name];
        Texts texts(random_() % (random_() % 30 == 0 ? 600 : 6) + 1);
        for (std::string& text : texts) text = std::to_string(++number_);
        server_.publish(name, texts, deferred ? kLong : 0ms);
        (deferred ? topic.deferred : topic.waiting).insert(texts.begin(), texts.end());
        topic.messages += texts.size();
        topic.distribute();
    }

    void take() {
        const auto index = sitting();
        if (!index) return;
        Sitting& at = sittings_[*index];
        ModelChannel& channel = *find(at.topic, at.channel);
        const std::int64_t room = (*at.consumer)->ready() - (*at.consumer)->inFlight();
        const std::size_t bytes = random_() % 2 == 0 ? SIZE_MAX : random_() % 300;
        const bool something = bytes > 0 && room > 0 && !channel.paused && !channel.waiting.empty();
        const auto taken = something ? at.consumer->takeSome(bytes) : at.consumer->take(bytes);
        REQUIRE(taken.empty() != something);
        REQUIRE(taken.size() <= static_cast<std::size_t>(std::max<std::int64_t>(room, 0)));
        for (const ReadMessage& message : taken) {
            REQUIRE(channel.waiting.erase(message.body) == 1);
            REQUIRE(message.attempts == ++channel.attempts[message.body]);
            channel.flying[message.body] = {message.id, *index};
            const auto known = ids_.emplace(std::pair{at.topic, message.id}, message.body);
            REQUIRE(known.first->second == message.body);
        }
    }

    void finish() {
        const auto index = sitting();
        if (!index) return;
        Sitting& at = sittings_[*index];
        ModelChannel& channel = *find(at.topic, at.channel);
        const auto body = flying(channel, *index);
        if (!body) {
            REQUIRE_FALSE(at.consumer->finish(random_()));
            return;
        }
        const ModelChannel::Flight flight = channel.flying[*body];
        const bool own = flight.owner == *index;
        REQUIRE(at.consumer->finish(flight.id) == own);
        if (!own) return;
        channel.flying.erase(*body);
        ++channel.finished;
    }

    void requeue() {
        const auto index = sitting();
        if (!index) return;
        Sitting& at = sittings_[*index];
        ModelChannel& channel = *find(at.topic, at.channel);
        const auto body = flying(channel, *index);
        if (!body) return;
        const ModelChannel::Flight flight = channel.flying[*body];
        const bool delayed = random_() % 3 == 0;
        const bool own = flight.owner == *index;
        REQUIRE((*at.consumer)->requeue({flight.id}, delayed ? kLong : 0ms).ok() == own);
        if (!own) return;
        channel.flying.erase(*body);
        (delayed ? channel.deferred : channel.waiting).insert(*body);
        ++channel.requeued;
    }

    void touch() {
        const auto index = sitting();
        if (!index) return;
        Sitting& at = sittings_[*index];
        ModelChannel& channel = *find(at.topic, at.channel);
        const auto body = flying(channel, *index);
        if (!body) return;
        const ModelChannel::Flight flight = channel.flying[*body];
        REQUIRE((*at.consumer)->touch({flight.id}).ok() == (flight.owner == *index));
    }

    void setReady() {
        const auto index = sitting();
        if (index) (*sittings_[*index].consumer)->setReady(random_() % 20 == 0 ? 2000 : random_() % 10);
    }

    void subscribe(const std::string& topic, const std::string& channel) {
        if (sittings_.size() > 12) return;
        createdChannel(topic, channel);
        sittings_[nextSitting_++] = {
            topic, channel, std::make_unique<Consumer>(*server_, loop_, topic, channel, random_() % 10)};
    }
    void createdChannel(const std::string& topic, const std::string& channel) {
        topics_[topic].channels.try_emplace(channel);
        topics_[topic].distribute();
    }

    void leave() {
        const auto index = sitting();
        if (index) drop(*index);
    }
    void drop(std::size_t index) {
        if (ModelChannel* channel = find(sittings_[index].topic, sittings_[index].channel)) {
            for (auto& [body, flight] : channel->flying) {
                if (flight.owner == index) flight.owner = ModelChannel::kNobody;
            }
        }
        sittings_.erase(index);
    }

    void createChannel(const std::string& topic, const std::string& channel) {
        REQUIRE(server_->createChannel(topic, channel).ok() == topics_.contains(topic));
        if (topics_.contains(topic)) createdChannel(topic, channel);
    }

    /// The consumers of a deleted channel are told and go.
    void closed(const std::string& topic, const std::string& channel) {
        loop_.settle();
        for (auto at = sittings_.begin(); at != sittings_.end();) {
            const bool gone = at->second.topic == topic && at->second.channel == channel;
            REQUIRE(at->second.consumer->closed == (gone ? 1 : 0));
            at = gone ? sittings_.erase(at) : std::next(at);
        }
    }

    void deleteChannel(const std::string& topic, const std::string& channel) {
        REQUIRE(server_->deleteChannel(topic, channel).ok() == (find(topic, channel) != nullptr));
        if (find(topic, channel) == nullptr) return;
        topics_[topic].channels.erase(channel);
        closed(topic, channel);
    }

    void deleteTopic(const std::string& topic) {
        REQUIRE(server_->deleteTopic(topic).ok() == topics_.contains(topic));
        loop_.settle();
        std::erase_if(sittings_, [&](const auto& at) {
            REQUIRE(at.second.consumer->closed == (at.second.topic == topic ? 1 : 0));
            return at.second.topic == topic;
        });
        topics_.erase(topic);
    }

    void pauseTopic(const std::string& topic) {
        const bool paused = random_() % 3 == 0;
        REQUIRE(server_->pauseTopic(topic, paused).ok() == topics_.contains(topic));
        if (!topics_.contains(topic)) return;
        topics_[topic].paused = paused;
        topics_[topic].distribute();
    }

    void pauseChannel(const std::string& topic, const std::string& channel) {
        const bool paused = random_() % 3 == 0;
        REQUIRE(server_->pauseChannel(topic, channel, paused).ok() == (find(topic, channel) != nullptr));
        if (ModelChannel* found = find(topic, channel)) found->paused = paused;
    }

    void emptyTopic(const std::string& topic) {
        REQUIRE(server_->emptyTopic(topic).ok() == topics_.contains(topic));
        if (!topics_.contains(topic)) return;
        topics_[topic].waiting.clear();
        topics_[topic].deferred.clear();
    }

    void emptyChannel(const std::string& topic, const std::string& name) {
        ModelChannel* const channel = find(topic, name);
        REQUIRE(server_->emptyChannel(topic, name).ok() == (channel != nullptr));
        if (channel == nullptr) return;
        channel->dropped += channel->waiting.size() + channel->flying.size() + channel->deferred.size();
        channel->waiting.clear();
        channel->flying.clear();
        channel->deferred.clear();
    }

    void restart() {
        sittings_.clear();
        server_.restart();
        for (auto& [topicName, topic] : topics_) {
            topic.messages = 0;
            for (auto& [name, channel] : topic.channels) {
                for (const auto& [body, flight] : channel.flying) channel.waiting.insert(body);
                channel.flying.clear();
                channel.messages = channel.finished = channel.requeued = channel.dropped = 0;
            }
        }
    }

    void compare() {
        const auto stats = server_->stats({});
        REQUIRE(stats.size() == topics_.size());
        for (const sdk::TopicStats& topic : stats) {
            REQUIRE(topics_.contains(topic.name));
            const ModelTopic& model = topics_[topic.name];
            REQUIRE(static_cast<std::size_t>(topic.depth) == model.waiting.size() + model.deferred.size());
            REQUIRE(topic.messageCount == model.messages);
            REQUIRE(topic.paused == model.paused);
            REQUIRE(topic.channels.size() == model.channels.size());
            for (const sdk::ChannelStats& channel : topic.channels) {
                REQUIRE(model.channels.contains(channel.name));
                compare(channel, model.channels.at(channel.name));
            }
        }
    }
    static void compare(const sdk::ChannelStats& channel, const ModelChannel& model) {
        REQUIRE(static_cast<std::size_t>(channel.depth) == model.waiting.size());
        REQUIRE(static_cast<std::size_t>(channel.inFlightCount) == model.flying.size());
        REQUIRE(static_cast<std::size_t>(channel.deferredCount) == model.deferred.size());
        REQUIRE(channel.messageCount == model.messages);
        REQUIRE(channel.finishCount == model.finished);
        REQUIRE(channel.requeueCount == model.requeued);
        REQUIRE(channel.droppedCount == model.dropped);
        REQUIRE(channel.timeoutCount == 0);
        REQUIRE(channel.paused == model.paused);
    }

    std::mt19937 random_;
    TestLoop loop_;
    Server server_;
    std::map<std::string, ModelTopic> topics_;
    std::map<std::size_t, Sitting> sittings_;
    std::map<std::pair<std::string, std::uint64_t>, std::string> ids_;  ///< the one message of each id seen
    std::size_t nextSitting_ = 0;
    std::size_t number_ = 0;
};

TEST_CASE("the broker does what a simple model does", "[broker][model]") {
    const auto seed = GENERATE(range(1u, 7u));
    CAPTURE(seed);
    Comparison comparison{seed};
    for (int i = 0; i < 2500; ++i) {
        CAPTURE(i);
        comparison.step();
    }
}

}  // namespace
}  // namespace nsq::test
