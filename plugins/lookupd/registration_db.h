#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "nsq/sdk/loop.h"
#include "peer.h"
#include "topic.h"

namespace nsq::lookupd {

/// Who is registered for what. A topic knows its producers and a peer its topics; each has a lock of its own,
/// held for moments. Those here guard the lists of all topics and of all peers, so a lookup waits for no more
/// than the making of one topic, and for nothing while others register for topics that there are.
///
/// Names are valid ones where something is made of them; others are just not there. THREAD: any.
class RegistrationDb {
public:
    RegistrationDb() = default;
    RegistrationDb(const RegistrationDb&) = delete;
    RegistrationDb& operator=(const RegistrationDb&) = delete;
    ~RegistrationDb();

    /// A peer has come.
    void add(const PeerPtr& peer);

    /// Its connection is gone: no answer has it any more. Quick; its registrations stay until clear().
    void leave(const PeerPtr& peer);

    /// Takes away all registrations of a peer that has left, one topic after the other.
    void clear(Peer& peer);

    /// For the topic and, unless it is empty, the channel.
    void addRegistration(Peer& peer, std::string_view topic, std::string_view channel);

    /// From the channel or, when it is empty, from the topic and all its channels.
    void removeRegistration(Peer& peer, std::string_view topic, std::string_view channel);

    /// By hand, without producers.
    void createTopic(std::string_view topic);
    void createChannel(std::string_view topic, std::string_view channel);

    /// With all registrations. What is not there is deleted already.
    void deleteTopic(std::string_view topic);

    /// False when it is not there.
    bool deleteChannel(std::string_view topic, std::string_view channel);

    /// See Topic::tombstone.
    void tombstone(std::string_view topic, std::string_view node, sdk::Clock::time_point now);

    /// Null when there is none.
    TopicPtr find(std::string_view topic) const;

    /// Sorted by name.
    std::vector<TopicPtr> topics() const;

    std::vector<PeerPtr> peers() const;

private:
    template <typename Do>
    void onTopic(std::string_view topic, Do change);
    TopicPtr findOrMake(std::string_view name, const Topic* other);
    void drop(const Topic& topic);

    mutable std::shared_mutex topicsMutex_;
    std::map<std::string_view, TopicPtr, std::less<>> topics_;  ///< by the name in the topic

    mutable std::shared_mutex peersMutex_;
    std::set<PeerPtr> peers_;
};

}  // namespace nsq::lookupd
