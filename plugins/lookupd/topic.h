#pragma once

#include <boost/smart_ptr/intrusive_ref_counter.hpp>

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "nsq/sdk/loop.h"
#include "peer.h"

namespace nsq::lookupd {

/// A topic, its channels, and the peers registered for them. Its lock is held for a search and a copy of
/// pointers, never while an answer is written. THREAD: any.
class Topic : public boost::intrusive_ref_counter<Topic, boost::thread_safe_counter> {
public:
    explicit Topic(std::string name) : name_(std::move(name)) {}
    Topic(const Topic&) = delete;
    Topic& operator=(const Topic&) = delete;

    const std::string& name() const { return name_; }

    bool isDeleted() const;

    /// What became of a change.
    enum class Change {
        kDone,
        kDeleted,  ///< nothing was done: this topic has been deleted, one of its name is another one
        kUnused,   ///< done, and this topic, which is ephemeral, has no producers left: it is deleted now
    };

    /// Registers the peer for the topic and, unless it is empty, the channel. Being registered already is no
    /// error.
    Change add(Peer& peer, std::string_view channel);

    /// Unregisters the peer from one channel.
    void removeFromChannel(const Peer& peer, std::string_view channel);

    /// Unregisters the peer from the topic and all its channels.
    Change remove(Peer& peer);

    /// Makes a channel without producers. kDone or kDeleted.
    Change addChannel(std::string_view channel);

    /// False when it is not there.
    bool removeChannel(std::string_view channel);

    /// Takes everything away; this topic is deleted then.
    void removeAll();

    /// Tombstones the peers of that name, if they are registered here.
    void tombstone(std::string_view node, sdk::Clock::time_point now);

    /// Sorted.
    std::vector<std::string> channels() const;

    /// Without those that are gone.
    std::vector<PeerPtr> producers() const;

    /// A channel and its producers.
    struct Channel {
        std::string name;
        std::vector<PeerPtr> producers;
    };
    std::vector<Channel> producersByChannel() const;

private:
    /// Sorted by address; the peers are among producers_, which holds them.
    using Members = std::vector<Peer*>;
    using Channels = std::map<std::string, Members, std::less<>>;

    void removeFromChannels(const Peer& peer);

    const std::string name_;

    mutable std::mutex mutex_;  ///< guards the rest; taken before a peer's
    bool deleted_ = false;
    std::vector<PeerPtr> producers_;  ///< sorted by address
    Channels channels_;
};

}  // namespace nsq::lookupd
