#include "protocol/v2/client_settings.h"

#include <Poco/JSON/Object.h>

#include <algorithm>
#include <sstream>

#include "protocol/v2/utf8_text.h"

namespace nsq::v2 {

using std::chrono::milliseconds;

namespace {

/// nsqd's defaults and lower bounds of what a client may ask for; the upper ones are options.
constexpr std::int64_t kDefaultOutputBufferSize = 16384;
constexpr std::int64_t kMinOutputBufferSize = 64;
constexpr milliseconds kMinHeartbeatInterval{1000};
constexpr milliseconds kMinMsgTimeout{1000};
constexpr std::int64_t kMaxSampleRate = 99;
constexpr int kDefaultDeflateLevel = 6;

ProtocolError invalid(std::string_view what, std::int64_t value) {
    return {code::kBadBody, "IDENTIFY " + std::string{what} + " (" + std::to_string(value) + ") is invalid"};
}

using Refusal = std::optional<ProtocolError>;

Refusal setHeartbeat(std::int64_t wanted, const sdk::Limits& limits, ClientSettings& settings) {
    if (wanted == 0) return {};
    if (wanted == -1) {
        settings.heartbeatInterval = milliseconds{0};
    } else if (wanted >= kMinHeartbeatInterval.count() && wanted <= limits.maxHeartbeatInterval.count()) {
        settings.heartbeatInterval = milliseconds{wanted};
    } else {
        return invalid("heartbeat interval", wanted);
    }
    return {};
}

Refusal setOutputBufferTimeout(std::int64_t wanted, const sdk::Limits& limits, ClientSettings& settings) {
    if (wanted == 0) return {};
    if (wanted == -1) {
        settings.outputBufferTimeout = milliseconds{0};
    } else if (wanted >= limits.minOutputBufferTimeout.count() &&
               wanted <= limits.maxOutputBufferTimeout.count()) {
        settings.outputBufferTimeout = milliseconds{wanted};
    } else {
        return invalid("output buffer timeout", wanted);
    }
    return {};
}

Refusal setOutputBufferSize(std::int64_t wanted, const sdk::Limits& limits, ClientSettings& settings) {
    if (wanted == 0) return {};
    if (wanted == -1) {
        settings.outputBufferSize = 1;
        settings.outputBufferTimeout = milliseconds{0};
    } else if (wanted >= kMinOutputBufferSize && wanted <= limits.maxOutputBufferSize) {
        settings.outputBufferSize = wanted;
    } else {
        return invalid("output buffer size", wanted);
    }
    return {};
}

Refusal setSampleRate(std::int64_t wanted, ClientSettings& settings) {
    if (wanted < 0 || wanted > kMaxSampleRate) return invalid("sample rate", wanted);
    settings.sampleRate = static_cast<int>(wanted);
    return {};
}

Refusal setMsgTimeout(std::int64_t wanted, const sdk::Limits& limits, ClientSettings& settings) {
    if (wanted == 0) return {};
    if (wanted < kMinMsgTimeout.count() || wanted > limits.maxMsgTimeout.count()) {
        return invalid("msg timeout", wanted);
    }
    settings.msgTimeout = milliseconds{wanted};
    return {};
}

}  // namespace

ClientSettings::ClientSettings(const sdk::Limits& limits, std::string remoteHost)
    : clientId(remoteHost),
      hostname(std::move(remoteHost)),
      heartbeatInterval(limits.clientTimeout / 2),
      outputBufferSize(kDefaultOutputBufferSize),
      outputBufferTimeout(limits.outputBufferTimeout),
      msgTimeout(limits.msgTimeout) {}

Refusal negotiate(const IdentifyRequest& request, const sdk::Limits& limits, ClientSettings& settings) {
    if (request.clientId) settings.clientId = *request.clientId;
    if (request.hostname) settings.hostname = *request.hostname;
    if (request.userAgent) settings.userAgent = *request.userAgent;
    // In nsqd's order, which decides what a client with several bad values is told.
    if (Refusal refusal = setHeartbeat(request.heartbeatInterval, limits, settings)) return refusal;
    if (Refusal refusal = setOutputBufferTimeout(request.outputBufferTimeout, limits, settings))
        return refusal;
    if (Refusal refusal = setOutputBufferSize(request.outputBufferSize, limits, settings)) return refusal;
    if (Refusal refusal = setSampleRate(request.sampleRate, settings)) return refusal;
    return setMsgTimeout(request.msgTimeout, limits, settings);
}

Upgrades agreedUpgrades(const IdentifyRequest& request, const sdk::Limits& limits) {
    Upgrades upgrades;
    upgrades.tls = limits.tls && request.tlsV1;
    upgrades.snappy = limits.snappy && request.snappy;
    upgrades.deflate = limits.deflate && request.deflate;
    const std::int64_t level =
        upgrades.deflate && request.deflateLevel > 0 ? request.deflateLevel : kDefaultDeflateLevel;
    upgrades.deflateLevel = static_cast<int>(std::min<std::int64_t>(level, limits.maxDeflateLevel));
    return upgrades;
}

std::string negotiationAnswer(const ClientSettings& settings, const Upgrades& upgrades,
                              const sdk::Limits& limits, std::string_view version, bool authRequired) {
    Poco::JSON::Object answer{Poco::JSON_PRESERVE_KEY_ORDER};
    answer.set("max_rdy_count", limits.maxRdyCount);
    answer.set("version", std::string{version});
    answer.set("max_msg_timeout", static_cast<std::int64_t>(limits.maxMsgTimeout.count()));
    answer.set("msg_timeout", static_cast<std::int64_t>(settings.msgTimeout.count()));
    answer.set("tls_v1", upgrades.tls);
    answer.set("deflate", upgrades.deflate);
    answer.set("deflate_level", upgrades.deflateLevel);
    answer.set("max_deflate_level", limits.maxDeflateLevel);
    answer.set("snappy", upgrades.snappy);
    answer.set("sample_rate", settings.sampleRate);
    answer.set("auth_required", authRequired);
    answer.set("output_buffer_size", settings.outputBufferSize);
    answer.set("output_buffer_timeout", static_cast<std::int64_t>(settings.outputBufferTimeout.count()));
    std::ostringstream text;
    answer.stringify(text);
    return text.str();
}

std::string describeForLog(const IdentifyRequest& request) {
    std::ostringstream text;
    text << std::boolalpha << "{ClientID:" << forLog(request.clientId.value_or(""))
         << " Hostname:" << forLog(request.hostname.value_or(""))
         << " HeartbeatInterval:" << request.heartbeatInterval
         << " OutputBufferSize:" << request.outputBufferSize
         << " OutputBufferTimeout:" << request.outputBufferTimeout
         << " FeatureNegotiation:" << request.featureNegotiation << " TLSv1:" << request.tlsV1
         << " Deflate:" << request.deflate << " DeflateLevel:" << request.deflateLevel
         << " Snappy:" << request.snappy << " SampleRate:" << request.sampleRate
         << " UserAgent:" << forLog(request.userAgent.value_or("")) << " MsgTimeout:" << request.msgTimeout
         << '}';
    return text.str();
}

}  // namespace nsq::v2
