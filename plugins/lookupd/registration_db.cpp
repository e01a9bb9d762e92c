#include "registration_db.h"

#include <mutex>

namespace nsq::lookupd {

using Change = Topic::Change;

RegistrationDb::~RegistrationDb() {
    // Topics and peers hold each other.
    for (const auto& [name, topic] : topics_) topic->removeAll();
}

void RegistrationDb::add(const PeerPtr& peer) {
    const std::unique_lock lock{peersMutex_};
    peers_.insert(peer);
}

void RegistrationDb::leave(const PeerPtr& peer) {
    peer->leave();
    const std::unique_lock lock{peersMutex_};
    peers_.erase(peer);
}

void RegistrationDb::clear(Peer& peer) {
    while (const TopicPtr topic = peer.takeTopic()) {
        if (topic->remove(peer) == Change::kUnused) drop(*topic);
    }
}

/// Does `change` with the topic of that name, which is made if there is none.
template <typename Do>
void RegistrationDb::onTopic(std::string_view name, Do change) {
    TopicPtr topic = findOrMake(name, nullptr);
    while (change(*topic) == Change::kDeleted) topic = findOrMake(name, topic.get());
}

void RegistrationDb::addRegistration(Peer& peer, std::string_view topic, std::string_view channel) {
    onTopic(topic, [&](Topic& found) { return found.add(peer, channel); });
}

void RegistrationDb::removeRegistration(Peer& peer, std::string_view topic, std::string_view channel) {
    const TopicPtr found = find(topic);
    if (found == nullptr) return;
    if (!channel.empty()) return found->removeFromChannel(peer, channel);
    if (found->remove(peer) == Change::kUnused) drop(*found);
}

void RegistrationDb::createTopic(std::string_view topic) {
    onTopic(topic, [](const Topic& found) { return found.isDeleted() ? Change::kDeleted : Change::kDone; });
}

void RegistrationDb::createChannel(std::string_view topic, std::string_view channel) {
    onTopic(topic, [&](Topic& found) { return found.addChannel(channel); });
}

void RegistrationDb::deleteTopic(std::string_view topic) {
    const TopicPtr found = find(topic);
    if (found == nullptr) return;
    drop(*found);
    found->removeAll();
}

bool RegistrationDb::deleteChannel(std::string_view topic, std::string_view channel) {
    const TopicPtr found = find(topic);
    return found != nullptr && found->removeChannel(channel);
}

void RegistrationDb::tombstone(std::string_view topic, std::string_view node, sdk::Clock::time_point now) {
    if (const TopicPtr found = find(topic)) found->tombstone(node, now);
}

TopicPtr RegistrationDb::find(std::string_view topic) const {
    const std::shared_lock lock{topicsMutex_};
    const auto found = topics_.find(topic);
    return found == topics_.end() ? nullptr : found->second;
}

std::vector<TopicPtr> RegistrationDb::topics() const {
    const std::shared_lock lock{topicsMutex_};
    std::vector<TopicPtr> all;
    all.reserve(topics_.size());
    for (const auto& [name, topic] : topics_) all.push_back(topic);
    return all;
}

std::vector<PeerPtr> RegistrationDb::peers() const {
    const std::shared_lock lock{peersMutex_};
    return {peers_.begin(), peers_.end()};
}

/// The topic of that name, made if there is none, or only `deleted`.
TopicPtr RegistrationDb::findOrMake(std::string_view name, const Topic* deleted) {
    if (TopicPtr found = find(name); found != nullptr && found.get() != deleted) return found;
    TopicPtr made{new Topic{std::string{name}}};
    const std::unique_lock lock{topicsMutex_};
    const auto found = topics_.find(name);
    if (found != topics_.end() && found->second.get() != deleted) return found->second;
    if (found != topics_.end()) topics_.erase(found);
    topics_.emplace(made->name(), made);
    return made;
}

/// Takes it off the list, unless another one of its name has its place there.
void RegistrationDb::drop(const Topic& topic) {
    const std::unique_lock lock{topicsMutex_};
    const auto found = topics_.find(topic.name());
    if (found != topics_.end() && found->second.get() == &topic) topics_.erase(found);
}

}  // namespace nsq::lookupd
