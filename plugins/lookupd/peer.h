#pragma once

#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>

#include <atomic>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "identity.h"
#include "nsq/sdk/loop.h"

namespace nsq::lookupd {

class Topic;

/// A pointer of 8 bytes: there can be many millions, one for each topic of each nsqd.
using TopicPtr = boost::intrusive_ptr<Topic>;

/// An nsqd that has said who it is. Lives as long as its connection, or as somebody still holds it. Its
/// topics are kept here as well as its place in each of them, so that a connection that goes touches those
/// alone. THREAD: any.
class Peer : public boost::intrusive_ref_counter<Peer, boost::thread_safe_counter> {
public:
    Peer(Identity identity, sdk::Clock::time_point now);
    ~Peer();
    Peer(const Peer&) = delete;
    Peer& operator=(const Peer&) = delete;

    const Identity& identity() const { return identity_; }

    /// The members of its JSON object as /lookup and /nodes have them, without the braces.
    const std::string& json() const { return json_; }

    /// `broadcast_address:http_port`, which is its name for /topic/tombstone.
    const std::string& node() const { return node_; }

    void ping(sdk::Clock::time_point now) { lastSeen_.store(now, std::memory_order_relaxed); }
    sdk::Clock::time_point lastSeen() const { return lastSeen_.load(std::memory_order_relaxed); }

    /// Its connection is gone: nobody is told of it any more, although topics may still have it.
    void leave() { gone_.store(true, std::memory_order_relaxed); }
    bool isGone() const { return gone_.load(std::memory_order_relaxed); }

    /// Called by Topic, so that both sides agree. A peer that is gone keeps its topics for takeTopic().
    void addTopic(TopicPtr topic);
    void removeTopic(const Topic& topic);

    /// One topic, which is no longer kept here; null when there is none.
    TopicPtr takeTopic();

    void tombstone(const Topic& topic, sdk::Clock::time_point now);

    /// When it was tombstoned for the topic last, if it was since it registered.
    std::optional<sdk::Clock::time_point> tombstonedAt(const Topic& topic) const;

    /// A topic that it is registered for.
    struct Registration {
        const Topic& topic;
        std::optional<sdk::Clock::time_point> tombstonedAt;
    };

    /// How many there are now.
    std::size_t registrations() const;

    /// Calls `visit` with each of its registrations, in the order it made them if it never unregistered any.
    /// Its lock is held meanwhile: `visit` must not call what takes a topic's.
    template <typename Visit>
    void forEach(Visit visit) const {
        const std::lock_guard lock{mutex_};
        for (const TopicPtr& topic : topics_) visit(Registration{*topic, tombstoneOf(*topic)});
    }

private:
    std::optional<sdk::Clock::time_point> tombstoneOf(const Topic& topic) const;

    const Identity identity_;
    const std::string json_;
    const std::string node_;
    std::atomic<sdk::Clock::time_point> lastSeen_;
    std::atomic<bool> gone_{false};
    std::atomic<bool> hasTombstones_{false};  ///< most have none: then nobody needs the lock to know

    mutable std::mutex mutex_;  ///< guards the rest
    std::vector<TopicPtr> topics_;
    std::map<const Topic*, sdk::Clock::time_point> tombstones_;
};

using PeerPtr = boost::intrusive_ptr<Peer>;

}  // namespace nsq::lookupd
