#pragma once

#include <spdlog/logger.h>

#include <memory>
#include <shared_mutex>
#include <string>
#include <vector>

#include "broker/broker.h"
#include "cluster/channel_finder.h"
#include "cluster/lookupd_peer.h"
#include "cluster/starting_topics.h"
#include "nsq/sdk/host.h"

namespace nsq::cluster {

/// This server as a client of lookupds: they are told what topics and channels there are, and asked for the
/// channels of new topics. Each has threads of its own, so that none waits for another.
class LookupLoop final : public broker::TopicListener {
public:
    /// Broker, info and logger outlive it. The broker gets it as its listener (Broker::setListener), and has
    /// another one between stop() and its destruction.
    LookupLoop(broker::Broker& broker, const sdk::ServerInfo& info, HttpTimeouts timeouts,
               spdlog::logger& logger);
    LookupLoop(const LookupLoop&) = delete;
    LookupLoop& operator=(const LookupLoop&) = delete;

    ~LookupLoop();  ///< stops, if that was not done

    /// The server begins to stop, and closes its connections first: a lookupd that goes from now on may be
    /// this server itself, and is no error. THREAD: main.
    void expectEnd();

    /// Closes all connections and ends all threads, at once. Topics that wait for their start go on waiting.
    /// THREAD: main.
    void stop();

    /// From now on these are the lookupds: each an address that options::parsePeer takes. Those that are not
    /// among them are closed, those that were there already not touched. THREAD: one at a time, any that may
    /// block.
    void setPeers(const std::vector<std::string>& addresses);

    bool onNewTopic(const std::string& topic, const broker::Identity& identity) override;
    void onChanged(const std::string& topic) override;

private:
    struct Lookupd {
        Lookupd(std::string address, LookupLoop& loop);
        ~Lookupd() { peer.stop(); }

        LookupdPeer peer;
        ChannelFinder finder;  ///< asks the peer for its address
    };
    using Lookupds = std::vector<std::shared_ptr<Lookupd>>;

    broker::Broker& broker_;
    const sdk::ServerInfo& info_;
    const HttpTimeouts timeouts_;
    spdlog::logger& logger_;

    mutable std::shared_mutex mutex_;  ///< guards lookupds_; nothing waits while it is held
    Lookupds lookupds_;
    StartingTopics starting_;
};

}  // namespace nsq::cluster
