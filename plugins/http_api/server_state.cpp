#include "server_state.h"

#include <Poco/JSON/Object.h>

#include <chrono>
#include <sstream>

#include "plugins_json.h"
#include "replies.h"
#include "stats_json.h"
#include "stats_text.h"

namespace nsq::http_api {

namespace {

std::int64_t nanoseconds(std::chrono::milliseconds duration) {
    return std::chrono::nanoseconds{duration}.count();
}

}  // namespace

sdk::HttpResponse ping(sdk::Host& host, const sdk::HttpRequest&) {
    sdk::HttpResponse response;
    response.body = "OK";
    if (const auto health = host.broker().health(); !health) {
        response.status = 500;
        response.body = "NOK - " + health.error().text;
    }
    return response;
}

sdk::HttpResponse info(sdk::Host& host, const sdk::HttpRequest&) {
    const sdk::ServerInfo& info = host.info();
    const sdk::Limits& limits = host.limits();
    Poco::JSON::Object json(Poco::JSON_PRESERVE_KEY_ORDER);
    json.set("version", info.version);
    json.set("broadcast_address", info.broadcastAddress);
    json.set("hostname", info.hostname);
    json.set("http_port", info.httpPort);
    json.set("tcp_port", info.tcpPort);
    json.set("start_time", std::chrono::system_clock::to_time_t(info.startTime));
    json.set("max_heartbeat_interval", nanoseconds(limits.maxHeartbeatInterval));
    json.set("max_output_buffer_size", limits.maxOutputBufferSize);
    json.set("max_output_buffer_timeout", nanoseconds(limits.maxOutputBufferTimeout));
    json.set("max_deflate_level", limits.maxDeflateLevel);
    std::ostringstream text;
    json.stringify(text);
    return jsonReply(text.str());
}

sdk::HttpResponse stats(sdk::Host& host, const sdk::HttpRequest& request) {
    if (request.badQuery) return errorReply(400, "INVALID_REQUEST");
    const StatsReport report(host, request);
    const std::string* format = request.queryValue("format");
    const bool json = format != nullptr && *format == "json";
    return json ? jsonReply(statsJson(report)) : textReply(statsText(report));
}

sdk::HttpResponse plugins(sdk::Host& host, const sdk::HttpRequest&) {
    return jsonReply(pluginsJson(host.plugins()));
}

}  // namespace nsq::http_api
