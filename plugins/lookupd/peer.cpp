#include "peer.h"

#include <Poco/JSON/Stringifier.h>

#include <algorithm>
#include <sstream>
#include <utility>

#include "topic.h"

namespace nsq::lookupd {

using sdk::Clock;

namespace {

std::string membersOf(const Identity& identity) {
    std::ostringstream json;
    const auto text = [&json](const char* name, const std::string& value) {
        json << '"' << name << "\":";
        Poco::JSON::Stringifier::formatString(value, json);
        json << ',';
    };
    text("remote_address", identity.remoteAddress);
    text("hostname", identity.hostname);
    text("broadcast_address", identity.broadcastAddress);
    json << "\"tcp_port\":" << identity.tcpPort << ",\"http_port\":" << identity.httpPort << ",\"version\":";
    Poco::JSON::Stringifier::formatString(identity.version, json);
    return json.str();
}

}  // namespace

Peer::Peer(Identity identity, Clock::time_point now)
    : identity_(std::move(identity)),
      json_(membersOf(identity_)),
      node_(identity_.broadcastAddress + ':' + std::to_string(identity_.httpPort)),
      lastSeen_(now) {}

Peer::~Peer() = default;

void Peer::addTopic(TopicPtr topic) {
    const std::lock_guard lock{mutex_};
    topics_.push_back(std::move(topic));
}

void Peer::removeTopic(const Topic& topic) {
    if (isGone()) return;
    const std::lock_guard lock{mutex_};
    tombstones_.erase(&topic);
    const auto found = std::ranges::find(topics_, &topic, &TopicPtr::get);
    if (found == topics_.end()) return;
    std::swap(*found, topics_.back());
    topics_.pop_back();
}

TopicPtr Peer::takeTopic() {
    const std::lock_guard lock{mutex_};
    if (topics_.empty()) return nullptr;
    TopicPtr topic = std::move(topics_.back());
    topics_.pop_back();
    return topic;
}

void Peer::tombstone(const Topic& topic, Clock::time_point now) {
    const std::lock_guard lock{mutex_};
    tombstones_[&topic] = now;
    hasTombstones_.store(true, std::memory_order_relaxed);
}

std::optional<Clock::time_point> Peer::tombstonedAt(const Topic& topic) const {
    if (!hasTombstones_.load(std::memory_order_relaxed)) return std::nullopt;
    const std::lock_guard lock{mutex_};
    return tombstoneOf(topic);
}

std::size_t Peer::registrations() const {
    const std::lock_guard lock{mutex_};
    return topics_.size();
}

std::optional<Clock::time_point> Peer::tombstoneOf(const Topic& topic) const {
    const auto found = tombstones_.find(&topic);
    if (found == tombstones_.end()) return std::nullopt;
    return found->second;
}

}  // namespace nsq::lookupd
