#include "topic.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "nsq/sdk/names.h"

namespace nsq::lookupd {

using sdk::Clock;

namespace {

Peer* address(const PeerPtr& peer) {
    return peer.get();
}
Peer* address(Peer* peer) {
    return peer;
}

template <typename Peers>
auto placeOf(Peers& peers, const Peer& peer) {
    return std::ranges::lower_bound(peers, &peer, std::less<const Peer*>{},
                                    [](const auto& other) { return address(other); });
}

template <typename Peers>
bool isAt(const Peers& peers, typename Peers::const_iterator place, const Peer& peer) {
    return place != peers.end() && address(*place) == &peer;
}

/// True when it was not there.
template <typename Peers>
bool insertPeer(Peers& peers, Peer& peer) {
    const auto place = placeOf(peers, peer);
    if (isAt(peers, place, peer)) return false;
    peers.insert(place, typename Peers::value_type{&peer});
    return true;
}

/// True when it was there.
template <typename Peers>
bool erasePeer(Peers& peers, const Peer& peer) {
    const auto place = placeOf(peers, peer);
    if (!isAt(peers, place, peer)) return false;
    peers.erase(place);
    return true;
}

/// Whether nobody is left of a topic or channel that lives only as long as somebody has it.
template <typename Peers>
bool isUnused(std::string_view name, const Peers& peers) {
    return sdk::isEphemeral(name) &&
           std::ranges::all_of(peers, [](const auto& peer) { return peer->isGone(); });
}

}  // namespace

bool Topic::isDeleted() const {
    const std::lock_guard lock{mutex_};
    return deleted_;
}

Topic::Change Topic::add(Peer& peer, std::string_view channel) {
    const std::lock_guard lock{mutex_};
    if (deleted_) return Change::kDeleted;
    if (!channel.empty()) {
        auto found = channels_.find(channel);
        if (found == channels_.end()) found = channels_.emplace(channel, Members{}).first;
        insertPeer(found->second, peer);
    }
    if (insertPeer(producers_, peer)) peer.addTopic(this);
    return Change::kDone;
}

void Topic::removeFromChannel(const Peer& peer, std::string_view channel) {
    const std::lock_guard lock{mutex_};
    const auto found = channels_.find(channel);
    if (found == channels_.end()) return;
    erasePeer(found->second, peer);
    if (isUnused(channel, found->second)) channels_.erase(found);
}

Topic::Change Topic::remove(Peer& peer) {
    const PeerPtr held{&peer};  // the topic may have held it last
    const std::lock_guard lock{mutex_};
    removeFromChannels(peer);
    if (erasePeer(producers_, peer)) peer.removeTopic(*this);
    if (deleted_ || !isUnused(name_, producers_)) return Change::kDone;
    deleted_ = true;
    // Those that are gone still have this topic: they would hold each other.
    channels_.clear();
    producers_.clear();
    return Change::kUnused;
}

void Topic::removeFromChannels(const Peer& peer) {
    for (auto channel = channels_.begin(); channel != channels_.end();) {
        auto& [name, members] = *channel;
        const bool isLast = erasePeer(members, peer) && isUnused(name, members);
        channel = isLast ? channels_.erase(channel) : std::next(channel);
    }
}

Topic::Change Topic::addChannel(std::string_view channel) {
    const std::lock_guard lock{mutex_};
    if (deleted_) return Change::kDeleted;
    channels_.try_emplace(std::string{channel});
    return Change::kDone;
}

bool Topic::removeChannel(std::string_view channel) {
    const std::lock_guard lock{mutex_};
    const auto found = channels_.find(channel);
    if (found == channels_.end()) return false;
    channels_.erase(found);
    return true;
}

void Topic::removeAll() {
    std::vector<PeerPtr> producers;
    {
        const std::lock_guard lock{mutex_};
        deleted_ = true;
        channels_.clear();
        producers.swap(producers_);
    }
    // Nobody can register here any more: what is unlocked now stays as it is.
    for (const PeerPtr& peer : producers) peer->removeTopic(*this);
}

void Topic::tombstone(std::string_view node, Clock::time_point now) {
    const std::lock_guard lock{mutex_};
    for (const PeerPtr& peer : producers_) {
        if (peer->node() == node) peer->tombstone(*this, now);
    }
}

std::vector<std::string> Topic::channels() const {
    const std::lock_guard lock{mutex_};
    std::vector<std::string> names;
    names.reserve(channels_.size());
    for (const auto& [name, members] : channels_) names.push_back(name);
    return names;
}

std::vector<PeerPtr> Topic::producers() const {
    std::vector<PeerPtr> producers;
    {
        const std::lock_guard lock{mutex_};
        producers = producers_;
    }
    std::erase_if(producers, [](const PeerPtr& peer) { return peer->isGone(); });
    return producers;
}

std::vector<Topic::Channel> Topic::producersByChannel() const {
    const std::lock_guard lock{mutex_};
    std::vector<Channel> channels;
    for (const auto& [name, members] : channels_) {
        Channel& channel = channels.emplace_back(Channel{name, {}});
        for (Peer* peer : members) {
            if (!peer->isGone()) channel.producers.emplace_back(peer);
        }
    }
    return channels;
}

}  // namespace nsq::lookupd
