#include "stats_text.h"

#include <chrono>

#include "go_text.h"
#include "nsq/sdk/memory_stats.h"

namespace nsq::http_api {

using std::chrono::system_clock;

namespace {

/// The client's own name for its host, the port it comes from, if it has one, and its program.
std::string nameOf(const sdk::ClientStats& client) {
    const std::size_t colon = client.remoteAddress.rfind(':');
    std::string name = client.hostname;
    name += colon == std::string::npos ? ":" : client.remoteAddress.substr(colon);
    if (!client.userAgent.empty()) name += ' ' + client.userAgent;
    return name;
}

std::string connectedFor(const sdk::ClientStats& client) {
    return goDuration(std::chrono::round<std::chrono::seconds>(system_clock::now() - client.connectedAt));
}

void appendPublisher(std::string& text, const StatsReport& report, const sdk::ClientStats& client) {
    std::uint64_t total = 0;
    std::string topics;
    for (const sdk::PubCount& count : report.pubCountsOf(client)) {
        total += count.count;
        if (!topics.empty()) topics += ',';
        topics += count.topic + '=' + std::to_string(count.count);
    }
    appendFormat(text, "[%s %-21s] msgs: %-8ju topics: %s connected: %s\n", client.protocol.c_str(),
                 nameOf(client).c_str(), static_cast<std::uintmax_t>(total), topics.c_str(),
                 connectedFor(client).c_str());
}

void appendConsumer(std::string& text, const StatsReport& report, const sdk::ClientStats& client) {
    text += "        ";
    if (!client.pubCounts.empty()) return appendPublisher(text, report, client);
    appendFormat(
        text,
        "[%s %-21s] state: %d inflt: %-4jd rdy: %-4jd fin: %-8ju re-q: %-8ju msgs: %-8ju connected: %s\n",
        client.protocol.c_str(), nameOf(client).c_str(), static_cast<int>(client.state),
        static_cast<std::intmax_t>(client.inFlightCount), static_cast<std::intmax_t>(client.readyCount),
        static_cast<std::uintmax_t>(client.finishCount), static_cast<std::uintmax_t>(client.requeueCount),
        static_cast<std::uintmax_t>(client.messageCount), connectedFor(client).c_str());
}

/// The percentiles in the order of the option: "1.5s, 20.0ms".
std::string latencyText(const sdk::LatencyStats& latency) {
    std::string text;
    for (const auto& percentile : latency.percentiles) {
        const auto nanoseconds = static_cast<double>(percentile.value.count());
        if (!text.empty()) text += ", ";
        if (nanoseconds > 1e9) {
            appendFormat(text, "%.1fs", nanoseconds / 1e9);
        } else if (nanoseconds > 1e6) {
            appendFormat(text, "%.1fms", nanoseconds / 1e6);
        } else if (nanoseconds > 1e3) {
            appendFormat(text, "%.1fus", nanoseconds / 1e3);
        } else {
            appendFormat(text, "%.1fns", nanoseconds);
        }
    }
    return text;
}

void appendChannel(std::string& text, const sdk::ChannelStats& channel) {
    appendFormat(
        text,
        "%s[%-25s] depth: %-5jd be-depth: %-5jd inflt: %-4jd def: %-4jd re-q: %-5ju timeout: %-5ju "
        "msgs: %-8ju e2e%%: %s\n",
        channel.paused ? "   *P " : "      ", channel.name.c_str(), static_cast<std::intmax_t>(channel.depth),
        static_cast<std::intmax_t>(channel.backendDepth), static_cast<std::intmax_t>(channel.inFlightCount),
        static_cast<std::intmax_t>(channel.deferredCount), static_cast<std::uintmax_t>(channel.requeueCount),
        static_cast<std::uintmax_t>(channel.timeoutCount), static_cast<std::uintmax_t>(channel.messageCount),
        latencyText(channel.latency).c_str());
}

void appendTopic(std::string& text, const StatsReport& report, const sdk::TopicStats& topic) {
    appendFormat(text, "%s[%-15s] depth: %-5jd be-depth: %-5jd msgs: %-8ju e2e%%: %s\n",
                 topic.paused ? "*P " : "   ", topic.name.c_str(), static_cast<std::intmax_t>(topic.depth),
                 static_cast<std::intmax_t>(topic.backendDepth),
                 static_cast<std::uintmax_t>(topic.messageCount), latencyText(topic.latency).c_str());
    for (const sdk::ChannelStats& channel : topic.channels) {
        appendChannel(text, channel);
        for (const sdk::ClientStats* client : report.clientsOf(topic.name, channel.name)) {
            appendConsumer(text, report, *client);
        }
    }
}

}  // namespace

std::string statsText(const StatsReport& report) {
    const sdk::ServerInfo& info = report.info();
    std::string text;
    appendFormat(text, "%s v%s (built w/nsqd-cpp %s)\nstart_time %s\nuptime %s\n\nHealth: %s\n",
                 info.program.c_str(), info.version.c_str(), info.productVersion.c_str(),
                 rfc3339(info.startTime).c_str(), goDuration(system_clock::now() - info.startTime).c_str(),
                 report.health().c_str());
    if (report.withMemory()) {
        text += "\nMemory:\n";
        for (const auto& [name, value] : sdk::memoryStats()) {
            appendFormat(text, "   %-25s\t%ju\n", name, static_cast<std::uintmax_t>(value));
        }
    }
    text += report.topics().empty() ? "\nTopics: None\n" : "\nTopics:";
    for (const sdk::TopicStats& topic : report.topics()) {
        text += '\n';
        appendTopic(text, report, topic);
    }
    text += report.producers().empty() ? "\nProducers: None\n" : "\nProducers:\n";
    for (const sdk::ClientStats* client : report.producers()) {
        text += "   ";
        appendPublisher(text, report, *client);
    }
    return text;
}

}  // namespace nsq::http_api
