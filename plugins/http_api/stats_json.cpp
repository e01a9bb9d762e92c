#include "stats_json.h"

#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>
#include <Poco/JSON/Stringifier.h>

#include <chrono>
#include <sstream>

#include "nsq/sdk/memory_stats.h"
#include "plugins_json.h"

namespace nsq::http_api {

using Poco::Dynamic::Var;
using Poco::JSON::Array;
using Poco::JSON::Object;

namespace {

Object::Ptr makeObject() {
    return new Object(Poco::JSON_PRESERVE_KEY_ORDER);
}

std::int64_t unixSeconds(std::chrono::system_clock::time_point when) {
    return std::chrono::duration_cast<std::chrono::seconds>(when.time_since_epoch()).count();
}

Object::Ptr latencyJson(const sdk::LatencyStats& latency) {
    Object::Ptr json = makeObject();
    json->set("count", latency.count);
    if (latency.percentiles.empty()) {
        json->set("percentiles", Var{});
        return json;
    }
    Array::Ptr list = new Array;
    for (const auto& [quantile, value] : latency.percentiles) {
        Object::Ptr entry = makeObject();
        entry->set("quantile", quantile);
        entry->set("value", static_cast<std::int64_t>(value.count()));
        list->add(entry);
    }
    json->set("percentiles", list);
    return json;
}

Object::Ptr clientJson(const StatsReport& report, const sdk::ClientStats& client) {
    Object::Ptr json = makeObject();
    json->set("client_id", client.clientId);
    json->set("hostname", client.hostname);
    json->set("version", client.protocol);
    json->set("remote_address", client.remoteAddress);
    json->set("state", static_cast<int>(client.state));
    json->set("ready_count", client.readyCount);
    json->set("in_flight_count", client.inFlightCount);
    json->set("message_count", client.messageCount);
    json->set("finish_count", client.finishCount);
    json->set("requeue_count", client.requeueCount);
    json->set("connect_ts", unixSeconds(client.connectedAt));
    json->set("sample_rate", client.sampleRate);
    json->set("deflate", client.deflate);
    json->set("snappy", client.snappy);
    json->set("user_agent", client.userAgent);
    if (client.authed) json->set("authed", true);
    if (!client.authIdentity.empty()) json->set("auth_identity", client.authIdentity);
    if (!client.authIdentityUrl.empty()) json->set("auth_identity_url", client.authIdentityUrl);
    if (const auto counts = report.pubCountsOf(client); !counts.empty()) {
        Array::Ptr list = new Array;
        for (const sdk::PubCount& count : counts) {
            Object::Ptr entry = makeObject();
            entry->set("topic", count.topic);
            entry->set("count", count.count);
            list->add(entry);
        }
        json->set("pub_counts", list);
    }
    json->set("tls", client.tls);
    json->set("tls_cipher_suite", client.tlsCipherSuite);
    json->set("tls_version", client.tlsVersion);
    // No protocol is offered in the handshake; the other field is true with TLS in nsqd (Go gives it nothing
    // else).
    json->set("tls_negotiated_protocol", "");
    json->set("tls_negotiated_protocol_is_mutual", client.tls);
    return json;
}

Array::Ptr clientsJson(const StatsReport& report, const StatsReport::Clients& clients) {
    Array::Ptr json = new Array;
    for (const sdk::ClientStats* client : clients) json->add(clientJson(report, *client));
    return json;
}

Object::Ptr channelJson(const StatsReport& report, const std::string& topic,
                        const sdk::ChannelStats& channel) {
    Object::Ptr json = makeObject();
    json->set("channel_name", channel.name);
    json->set("depth", channel.depth);
    json->set("backend_depth", channel.backendDepth);
    json->set("in_flight_count", channel.inFlightCount);
    json->set("deferred_count", channel.deferredCount);
    json->set("message_count", channel.messageCount);
    json->set("requeue_count", channel.requeueCount);
    json->set("timeout_count", channel.timeoutCount);
    json->set("client_count", channel.clientCount);
    json->set("clients",
              report.withClients() ? Var{clientsJson(report, report.clientsOf(topic, channel.name))} : Var{});
    json->set("paused", channel.paused);
    json->set("e2e_processing_latency", latencyJson(channel.latency));
    return json;
}

Object::Ptr topicJson(const StatsReport& report, const sdk::TopicStats& topic) {
    Object::Ptr json = makeObject();
    json->set("topic_name", topic.name);
    Array::Ptr channels = new Array;
    for (const sdk::ChannelStats& channel : topic.channels)
        channels->add(channelJson(report, topic.name, channel));
    json->set("channels", channels);
    json->set("depth", topic.depth);
    json->set("backend_depth", topic.backendDepth);
    json->set("message_count", topic.messageCount);
    json->set("message_bytes", topic.messageBytes);
    json->set("paused", topic.paused);
    json->set("e2e_processing_latency", latencyJson(topic.latency));
    json->set("damaged_batches", topic.damagedBatches);  // nsqd has no such field
    return json;
}

void writeMember(std::ostream& out, const char* name, const Var& value) {
    Poco::JSON::Stringifier::formatString(name, out);
    out << ':';
    Poco::JSON::Stringifier::stringify(value, out);
}

/// Written one by one: ten thousand topics are not held as objects at once.
void writeTopics(std::ostream& out, const StatsReport& report) {
    if (report.topicUnknown()) return writeMember(out, "topics", Var{});
    out << "\"topics\":[";
    const char* separator = "";
    for (const sdk::TopicStats& topic : report.topics()) {
        out << separator;
        topicJson(report, topic)->stringify(out);
        separator = ",";
    }
    out << ']';
}

Object::Ptr memoryJson() {
    Object::Ptr json = makeObject();
    for (const auto& [name, value] : sdk::memoryStats()) json->set(name, value);
    return json;
}

}  // namespace

std::string statsJson(const StatsReport& report) {
    std::ostringstream out;
    out << '{';
    writeMember(out, "version", report.info().version);
    out << ',';
    writeMember(out, "health", report.health());
    out << ',';
    writeMember(out, "start_time", unixSeconds(report.info().startTime));
    out << ',';
    writeTopics(out, report);
    if (report.withMemory()) {
        out << ',';
        writeMember(out, "memory", memoryJson());
    }
    out << ',';
    const StatsReport::Clients& producers = report.producers();
    writeMember(out, "producers", producers.empty() ? Var{} : Var{clientsJson(report, producers)});
    if (const Array::Ptr plugins = statisticsJson(report.plugins()); plugins->size() > 0) {
        out << ',';
        writeMember(out, "plugins", plugins);  // nsqd has no such field
    }
    out << '}';
    return out.str();
}

}  // namespace nsq::http_api
