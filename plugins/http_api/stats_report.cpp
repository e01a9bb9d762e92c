#include "stats_report.h"

#include <algorithm>

#include "arguments.h"

namespace nsq::http_api {

namespace {

std::string valueOr(const sdk::HttpRequest& request, std::string_view name) {
    const std::string* value = request.queryValue(name);
    return value == nullptr ? std::string{} : *value;
}

std::string healthOf(const sdk::Broker& broker) {
    const auto health = broker.health();
    if (!health) return "NOK - " + health.error().text;
    const std::uint64_t damaged = broker.damagedBatches();
    return damaged == 0 ? "OK" : "OK - damaged batches left out: " + std::to_string(damaged);
}

}  // namespace

StatsReport::StatsReport(sdk::Host& host, const sdk::HttpRequest& request)
    : info_(host.info()),
      health_(healthOf(host.broker())),
      topic_(valueOr(request, "topic")),
      withMemory_(readFlag(request, "include_mem", true)),
      withClients_(readFlag(request, "include_clients", true)),
      plugins_(host.plugins()) {
    takeTopics(host.broker(), valueOr(request, "channel"));
    if (withClients_ && !topicUnknown_) takeClients(host.clients());
}

void StatsReport::takeTopics(sdk::Broker& broker, const std::string& channel) {
    topics_ = broker.stats({topic_, channel});
    topicUnknown_ = topics_.empty() && !topic_.empty() && !broker.hasTopic(topic_);
    if (channel.empty()) return;
    std::erase_if(topics_, [](const sdk::TopicStats& topic) { return topic.channels.empty(); });
}

void StatsReport::takeClients(std::vector<sdk::ClientStats> clients) {
    clients_ = std::move(clients);
    std::ranges::stable_sort(clients_, {}, &sdk::ClientStats::connectedAt);
    for (const sdk::ClientStats& client : clients_) {
        if (!client.channel.empty()) consumers_[{client.topic, client.channel}].push_back(&client);
        if (!client.pubCounts.empty()) producers_.push_back(&client);
    }
}

const StatsReport::Clients& StatsReport::clientsOf(const std::string& topic,
                                                   const std::string& channel) const {
    static const Clients kNone;
    const auto found = consumers_.find({topic, channel});
    return found == consumers_.end() ? kNone : found->second;
}

std::vector<sdk::PubCount> StatsReport::pubCountsOf(const sdk::ClientStats& client) const {
    std::vector<sdk::PubCount> counts = client.pubCounts;
    if (!topic_.empty())
        std::erase_if(counts, [this](const sdk::PubCount& count) { return count.topic != topic_; });
    return counts;
}

}  // namespace nsq::http_api
