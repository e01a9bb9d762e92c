#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "nsq/sdk/host.h"
#include "nsq/sdk/http.h"

namespace nsq::http_api {

/// What /stats shows, as the query asked for it, in no format yet. Points into itself: it stays where it is.
class StatsReport {
public:
    using Clients = std::vector<const sdk::ClientStats*>;

    /// Takes the numbers now. THREAD: a worker.
    StatsReport(sdk::Host& host, const sdk::HttpRequest& request);
    StatsReport(const StatsReport&) = delete;
    StatsReport& operator=(const StatsReport&) = delete;

    const sdk::ServerInfo& info() const { return info_; }

    /// "OK", or "NOK - " and why.
    const std::string& health() const { return health_; }

    bool withMemory() const { return withMemory_; }
    bool withClients() const { return withClients_; }

    /// A topic was asked for and there is none of that name.
    bool topicUnknown() const { return topicUnknown_; }

    const std::vector<sdk::TopicStats>& topics() const { return topics_; }

    /// The consumers of a channel, the oldest connection first.
    const Clients& clientsOf(const std::string& topic, const std::string& channel) const;

    /// Clients that have published, the oldest connection first.
    const Clients& producers() const { return producers_; }

    /// What a client has published to the topics asked for.
    std::vector<sdk::PubCount> pubCountsOf(const sdk::ClientStats& client) const;

    /// All of them.
    const std::vector<sdk::PluginStats>& plugins() const { return plugins_; }

private:
    void takeTopics(sdk::Broker& broker, const std::string& channel);
    void takeClients(std::vector<sdk::ClientStats> clients);

    const sdk::ServerInfo& info_;
    std::string health_;
    std::string topic_;  ///< the one asked for, or empty
    bool withMemory_;
    bool withClients_;
    bool topicUnknown_ = false;
    std::vector<sdk::TopicStats> topics_;
    std::vector<sdk::ClientStats> clients_;
    std::map<std::pair<std::string_view, std::string_view>, Clients> consumers_;  ///< by topic and channel
    Clients producers_;
    std::vector<sdk::PluginStats> plugins_;
};

}  // namespace nsq::http_api
