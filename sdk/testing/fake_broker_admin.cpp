// Creating, deleting, emptying, pausing, and statistics.

#include <utility>

#include "fake_clients.h"
#include "nsq/sdk/names.h"
#include "nsq/sdk/testing/fake_broker.h"

namespace nsq::sdk::testing {

Result<FakeTopic*> FakeBroker::find(std::string_view name) {
    if (!isValidTopicName(name)) return Error{ErrorCode::kBadTopic, "bad topic name"};
    FakeTopic* const found = topic(name);
    if (found == nullptr) return Error{ErrorCode::kTopicNotFound, "topic does not exist"};
    return found;
}

Result<FakeChannel*> FakeBroker::find(std::string_view topicName, std::string_view name) {
    const Result<FakeTopic*> in = find(topicName);
    if (!in) return in.error();
    if (!isValidChannelName(name)) return Error{ErrorCode::kBadChannel, "bad channel name"};
    FakeChannel* const found = channel(topicName, name);
    if (found == nullptr) return Error{ErrorCode::kChannelNotFound, "channel does not exist"};
    return found;
}

Result<void> FakeBroker::createTopic(std::string_view name) {
    if (!isValidTopicName(name)) return Error{ErrorCode::kBadTopic, "bad topic name"};
    topicFor(name);
    return {};
}

void FakeBroker::closeChannel(FakeChannel& channel) {
    for (FakeSubscription* consumer : std::exchange(channel.consumers, {})) consumer->tellClosed();
}

Result<void> FakeBroker::deleteTopic(std::string_view name) {
    const Result<FakeTopic*> found = find(name);
    if (!found) return found.error();
    for (auto& [channelName, channel] : found.value()->channels) closeChannel(channel);
    topics_.erase(std::string{name});
    return {};
}

Result<void> FakeBroker::emptyTopic(std::string_view name) {
    const Result<FakeTopic*> found = find(name);
    if (!found) return found.error();
    found.value()->messages.clear();
    return {};
}

Result<void> FakeBroker::pauseTopic(std::string_view name, bool paused) {
    const Result<FakeTopic*> found = find(name);
    if (!found) return found.error();
    FakeTopic& topic = *found.value();
    topic.paused = paused;
    if (paused || topic.channels.empty()) return {};
    for (const FakePending& pending : std::exchange(topic.messages, {})) {
        for (auto& [channelName, channel] : topic.channels) put(channel, pending);
    }
    return {};
}

Result<void> FakeBroker::createChannel(std::string_view topicName, std::string_view name) {
    const Result<FakeTopic*> in = find(topicName);
    if (!in) return in.error();
    if (!isValidChannelName(name)) return Error{ErrorCode::kBadChannel, "bad channel name"};
    channelFor(*in.value(), name);
    return {};
}

Result<void> FakeBroker::deleteChannel(std::string_view topicName, std::string_view name) {
    const Result<FakeChannel*> found = find(topicName, name);
    if (!found) return found.error();
    closeChannel(*found.value());
    FakeTopic& in = *topic(topicName);
    in.channels.erase(std::string{name});
    if (in.channels.empty() && isEphemeral(topicName)) topics_.erase(std::string{topicName});
    return {};
}

Result<void> FakeBroker::emptyChannel(std::string_view topicName, std::string_view name) {
    const Result<FakeChannel*> found = find(topicName, name);
    if (!found) return found.error();
    found.value()->waiting.clear();
    found.value()->inFlight.clear();
    found.value()->deferred.clear();
    return {};
}

Result<void> FakeBroker::pauseChannel(std::string_view topicName, std::string_view name, bool paused) {
    const Result<FakeChannel*> found = find(topicName, name);
    if (!found) return found.error();
    found.value()->paused = paused;
    wake(*found.value());
    return {};
}

std::vector<TopicStats> FakeBroker::stats(const StatsFilter& filter) const {
    std::vector<TopicStats> result;
    for (const auto& [topicName, topic] : topics_) {
        if (!filter.topic.empty() && filter.topic != topicName) continue;
        TopicStats& stats = result.emplace_back();
        stats.name = topicName;
        stats.depth = static_cast<std::int64_t>(topic.messages.size());
        stats.messageCount = topic.messageCount;
        stats.messageBytes = topic.messageBytes;
        stats.paused = topic.paused;
        for (const auto& [name, channel] : topic.channels) {
            if (!filter.channel.empty() && filter.channel != name) continue;
            ChannelStats& counts = stats.channels.emplace_back(channel.counters);
            counts.name = name;
            counts.depth = static_cast<std::int64_t>(channel.waiting.size());
            counts.inFlightCount = static_cast<std::int64_t>(channel.inFlight.size());
            counts.deferredCount = static_cast<std::int64_t>(channel.deferred.size());
            counts.clientCount = static_cast<int>(channel.consumers.size());
            counts.paused = channel.paused;
        }
    }
    return result;
}

}  // namespace nsq::sdk::testing
