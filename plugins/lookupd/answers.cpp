#include "answers.h"

#include <Poco/JSON/Object.h>

#include <sstream>
#include <string_view>
#include <utility>

#include "arguments.h"
#include "nsq/sdk/names.h"
#include "replies.h"

namespace nsq::lookupd {

using http_api::errorReply;
using http_api::jsonReply;
using http_api::Refusal;
using http_api::textReply;
using sdk::Clock;
using sdk::HttpRequest;
using sdk::HttpResponse;

namespace {

/// Room for the object of one producer, and for one of its topics in /nodes, about, in bytes: an answer that
/// grows by doubling is copied often.
constexpr std::size_t kProducerBytes = 200;
constexpr std::size_t kTopicBytes = 32;

/// A JSON array being written. Topic and channel names need no escapes.
class Array {
public:
    explicit Array(std::string& json) : json_(json) { json_ += '['; }
    ~Array() { json_ += ']'; }
    Array(const Array&) = delete;
    Array& operator=(const Array&) = delete;

    /// What is written next is another element.
    std::string& next() {
        if (!isFirst_) json_ += ',';
        isFirst_ = false;
        return json_;
    }
    void name(std::string_view text) { next().append(1, '"').append(text).append(1, '"'); }

private:
    std::string& json_;
    bool isFirst_ = true;
};

bool isActive(const Lookupd& lookupd, const Peer& peer, Clock::time_point now) {
    return !peer.isGone() && now - peer.lastSeen() <= lookupd.inactiveProducerTimeout;
}

bool isTombstoned(const Lookupd& lookupd, const std::optional<Clock::time_point>& since,
                  Clock::time_point now) {
    return since && now - *since < lookupd.tombstoneLifetime;
}

void writeNames(std::string& json, const std::vector<std::string>& names) {
    Array array{json};
    for (const std::string& name : names) array.name(name);
}

void writeProducers(std::string& json, const Lookupd& lookupd, const Topic& topic) {
    const std::vector<PeerPtr> producers = topic.producers();
    json.reserve(json.size() + producers.size() * kProducerBytes);
    const Clock::time_point now = Clock::now();
    Array array{json};
    for (const PeerPtr& peer : producers) {
        if (!isActive(lookupd, *peer, now) || isTombstoned(lookupd, peer->tombstonedAt(topic), now)) continue;
        array.next().append(1, '{').append(peer->json()).append(1, '}');
    }
}

std::size_t roomFor(const std::vector<PeerPtr>& peers) {
    std::size_t bytes = 0;
    for (const PeerPtr& peer : peers) bytes += kProducerBytes + peer->registrations() * kTopicBytes;
    return bytes;
}

void writeNode(std::string& json, const Lookupd& lookupd, const Peer& peer, Clock::time_point now) {
    std::string topics;
    json.append(1, '{').append(peer.json()).append(",\"tombstones\":");
    {
        Array tombstoneArray{json};
        Array topicArray{topics};
        peer.forEach([&](const Peer::Registration& registration) {
            tombstoneArray.next() += isTombstoned(lookupd, registration.tombstonedAt, now) ? "true" : "false";
            topicArray.name(registration.topic.name());
        });
    }
    json.append(",\"topics\":").append(topics).append(1, '}');
}

/// Reads `topic`, which must be a valid name: INVALID_ARG_TOPIC as well.
Refusal readValidTopic(const HttpRequest& request, std::string_view& topic) {
    if (Refusal refusal = http_api::readTopic(request, topic)) return refusal;
    if (!sdk::isValidTopicName(topic)) return errorReply(400, "INVALID_ARG_TOPIC");
    return std::nullopt;
}

}  // namespace

HttpResponse ping(Lookupd&, const HttpRequest&) {
    sdk::HttpResponse response;
    response.body = "OK";
    return response;
}

HttpResponse info(Lookupd& lookupd, const HttpRequest&) {
    Poco::JSON::Object json;
    json.set("version", lookupd.info.version);
    std::ostringstream text;
    json.stringify(text);
    return jsonReply(text.str());
}

HttpResponse topics(Lookupd& lookupd, const HttpRequest&) {
    std::string json{"{\"topics\":"};
    {
        Array array{json};
        for (const TopicPtr& topic : lookupd.db.topics()) array.name(topic->name());
    }
    json += '}';
    return jsonReply(std::move(json));
}

HttpResponse channels(Lookupd& lookupd, const HttpRequest& request) {
    std::string_view name;
    if (Refusal refusal = http_api::readTopic(request, name)) return *std::move(refusal);
    const TopicPtr topic = lookupd.db.find(name);
    std::string json{"{\"channels\":"};
    writeNames(json, topic == nullptr ? std::vector<std::string>{} : topic->channels());
    json += '}';
    return jsonReply(std::move(json));
}

HttpResponse lookup(Lookupd& lookupd, const HttpRequest& request) {
    std::string_view name;
    if (Refusal refusal = http_api::readTopic(request, name)) return *std::move(refusal);
    const TopicPtr topic = lookupd.db.find(name);
    if (topic == nullptr) return errorReply(404, "TOPIC_NOT_FOUND");
    std::string json{"{\"channels\":"};
    writeNames(json, topic->channels());
    json += ",\"producers\":";
    writeProducers(json, lookupd, *topic);
    json += '}';
    return jsonReply(std::move(json));
}

HttpResponse nodes(Lookupd& lookupd, const HttpRequest&) {
    const Clock::time_point now = Clock::now();
    const std::vector<PeerPtr> peers = lookupd.db.peers();
    std::string json{"{\"producers\":"};
    json.reserve(roomFor(peers));
    {
        Array array{json};
        for (const PeerPtr& peer : peers) {
            if (isActive(lookupd, *peer, now)) writeNode(array.next(), lookupd, *peer, now);
        }
    }
    json += '}';
    return jsonReply(std::move(json));
}

HttpResponse createTopic(Lookupd& lookupd, const HttpRequest& request) {
    std::string_view topic;
    if (Refusal refusal = readValidTopic(request, topic)) return *std::move(refusal);
    lookupd.db.createTopic(topic);
    return textReply({});
}

HttpResponse deleteTopic(Lookupd& lookupd, const HttpRequest& request) {
    std::string_view topic;
    if (Refusal refusal = http_api::readTopic(request, topic)) return *std::move(refusal);
    lookupd.db.deleteTopic(topic);
    return textReply({});
}

HttpResponse tombstoneTopic(Lookupd& lookupd, const HttpRequest& request) {
    std::string_view topic;
    if (Refusal refusal = http_api::readTopic(request, topic)) return *std::move(refusal);
    const std::string* node = request.queryValue("node");
    if (node == nullptr) return errorReply(400, "MISSING_ARG_NODE");
    lookupd.db.tombstone(topic, *node, Clock::now());
    return textReply({});
}

HttpResponse createChannel(Lookupd& lookupd, const HttpRequest& request) {
    std::string_view topic;
    std::string_view channel;
    if (Refusal refusal = http_api::readChannel(request, topic, channel)) return *std::move(refusal);
    lookupd.db.createChannel(topic, channel);
    return textReply({});
}

HttpResponse deleteChannel(Lookupd& lookupd, const HttpRequest& request) {
    std::string_view topic;
    std::string_view channel;
    if (Refusal refusal = http_api::readChannel(request, topic, channel)) return *std::move(refusal);
    if (!lookupd.db.deleteChannel(topic, channel)) return errorReply(404, "CHANNEL_NOT_FOUND");
    return textReply({});
}

}  // namespace nsq::lookupd
