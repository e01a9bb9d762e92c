#include "nsq/sdk/testing/fake_broker.h"

#include <algorithm>
#include <utility>

#include "fake_clients.h"
#include "nsq/sdk/names.h"

namespace nsq::sdk::testing {

namespace {

/// Ids have letters and digits, as a real broker's.
constexpr std::uint64_t kFirstId = 0x0a1b2c3d00000000;

Error badTopic() {
    return {ErrorCode::kBadTopic, "bad topic name"};
}
Error badChannel() {
    return {ErrorCode::kBadChannel, "bad channel name"};
}

}  // namespace

FakeBroker::~FakeBroker() = default;

void FakeBroker::releaseOutcomes(std::size_t count) {
    const std::vector<FakePublisher*> publishers = publishers_;
    for (FakePublisher* publisher : publishers) publisher->release(count);
}

FakeTopic* FakeBroker::topic(std::string_view name) {
    const auto found = topics_.find(std::string{name});
    return found == topics_.end() ? nullptr : &found->second;
}

FakeChannel* FakeBroker::channel(std::string_view topicName, std::string_view name) {
    FakeTopic* const in = topic(topicName);
    if (in == nullptr) return nullptr;
    const auto found = in->channels.find(std::string{name});
    return found == in->channels.end() ? nullptr : &found->second;
}

std::vector<std::string> FakeBroker::published(std::string_view topic) const {
    const auto found = history_.find(std::string{topic});
    return found == history_.end() ? std::vector<std::string>{} : found->second;
}

FakeTopic& FakeBroker::topicFor(std::string_view name) {
    return topics_[std::string{name}];
}

FakeChannel& FakeBroker::channelFor(FakeTopic& topic, std::string_view name) {
    const auto [entry, isNew] = topic.channels.try_emplace(std::string{name});
    if (isNew && topic.channels.size() == 1 && !topic.paused) {
        for (const FakePending& pending : std::exchange(topic.messages, {})) put(entry->second, pending);
    }
    return entry->second;
}

void FakeBroker::put(FakeChannel& channel, const FakePending& pending) {
    ++channel.counters.messageCount;
    if (pending.at != Clock::time_point{}) {
        channel.deferred.push_back(pending);
    } else {
        channel.waiting.push_back(pending.message);
        wake(channel);
    }
}

void FakeBroker::wake(FakeChannel& channel) {
    for (FakeSubscription* consumer : channel.consumers) consumer->tell();
}

Result<void> FakeBroker::append(const Publication& publication, Clock::time_point now) {
    if (publishError_) return *std::exchange(publishError_, std::nullopt);
    if (!isValidTopicName(publication.topic)) return badTopic();
    FakeTopic& topic = topicFor(publication.topic);
    for (const Bytes body : publication.bodies) {
        FakePending pending{{kFirstId + ++lastId_, std::string{asText(body)}, 0}, nullptr, {}};
        if (publication.delay.count() > 0) pending.at = now + publication.delay;
        history_[std::string{publication.topic}].push_back(pending.message.body);
        ++topic.messageCount;
        topic.messageBytes += body.size();
        if (topic.channels.empty() || topic.paused) {
            topic.messages.push_back(pending);
        } else {
            for (auto& [name, channel] : topic.channels) put(channel, pending);
        }
    }
    ++published_;
    return {};
}

std::unique_ptr<Publisher> FakeBroker::openPublisher(Loop& loop, PublishListener& listener) {
    return std::make_unique<FakePublisher>(*this, loop, listener);
}

Result<void> FakeBroker::publish(const Publication& publication) {
    return append(publication, Clock::now());
}

Result<std::unique_ptr<Subscription>> FakeBroker::subscribe(std::string_view topic, std::string_view channel,
                                                            const SubscribeOptions& options, Loop& loop,
                                                            SubscriptionListener& listener) {
    if (subscribeError_) return *std::exchange(subscribeError_, std::nullopt);
    if (!isValidTopicName(topic)) return badTopic();
    if (!isValidChannelName(channel)) return badChannel();
    FakeChannel& joined = channelFor(topicFor(topic), channel);
    return std::unique_ptr<Subscription>{std::make_unique<FakeSubscription>(
        *this, std::string{topic}, std::string{channel}, joined, options, loop, listener)};
}

void FakeBroker::expire(Clock::time_point now) {
    for (auto& [topicName, topic] : topics_) {
        for (auto& named : topic.channels) {
            FakeChannel& channel = named.second;
            std::erase_if(channel.inFlight, [&](auto& entry) {
                if (entry.second.at > now) return false;
                ++channel.counters.timeoutCount;
                channel.waiting.push_back(std::move(entry.second.message));
                return true;
            });
            std::erase_if(channel.deferred, [&](FakePending& pending) {
                if (pending.at > now) return false;
                channel.waiting.push_back(std::move(pending.message));
                return true;
            });
            wake(channel);
        }
    }
}

Result<void> FakeBroker::health() const {
    if (health_) return *health_;
    return {};
}

}  // namespace nsq::sdk::testing
