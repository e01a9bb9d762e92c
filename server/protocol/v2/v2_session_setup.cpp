// IDENTIFY and SUB.

#include "nsq/sdk/names.h"
#include "protocol/v2/sized_body.h"
#include "protocol/v2/utf8_text.h"
#include "protocol/v2/v2_session.h"

namespace nsq::v2 {

namespace {

ProtocolError subFailed(const sdk::Error& error) {
    if (error.code == sdk::ErrorCode::kDeleted)
        return {code::kSubFailed, "SUB failed to deleted topic/channel"};
    return {code::kSubFailed, "SUB failed " + error.text};
}

}  // namespace

V2Session::Progress V2Session::identify(const Command& command) {
    // As in nsqd a client may do so again before it subscribes.
    if (state_ != sdk::ClientState::kInit) return refuse(badState("IDENTIFY"));
    const SizedBody sized = readSizedBody(command.rest, limits_.maxBodySize);
    if (sized.state == SizedBody::State::kIncomplete) return incomplete(command.lineBytes + sized.bytes);
    if (sized.state == SizedBody::State::kBad) {
        return refuse(badBodySize("IDENTIFY", sized.size, limits_.maxBodySize));
    }
    const sdk::Result<IdentifyRequest> request = decodeIdentify(sdk::asText(sized.body));
    if (!request) {
        return refuse({code::kBadBody, "IDENTIFY failed to decode JSON body"}, request.error().text);
    }
    host_.logger().info("[{}] IDENTIFY: {}", connection_.remoteAddress(), describeForLog(request.value()));
    if (const std::optional<ProtocolError> error = negotiate(request.value(), limits_, settings_)) {
        return refuse(*error);
    }
    heartbeat_.start(settings_.heartbeatInterval);
    const std::size_t bytes = command.lineBytes + sized.bytes;
    if (request.value().featureNegotiation) return negotiateFeatures(request.value(), bytes);
    answer("OK");
    return done(bytes);
}

V2Session::Progress V2Session::negotiateFeatures(const IdentifyRequest& request, std::size_t bytes) {
    const Upgrades upgrades = agreedUpgrades(request, limits_);
    if (upgrades.snappy && upgrades.deflate) {
        return refuse({code::kIdentifyFailed, "cannot enable both deflate and snappy compression"});
    }
    // Of a client that identifies itself again.
    if (upgrades.tls && (connection_.isTls() || compressed_)) {
        return refuse({code::kIdentifyFailed, "IDENTIFY failed it is too late for TLS"});
    }
    if (compressed_ && (upgrades.snappy || upgrades.deflate)) {
        return refuse({code::kIdentifyFailed, "IDENTIFY failed the connection is compressed already"});
    }
    answer(negotiationAnswer(settings_, upgrades, limits_, host_.info().version, authRequired_));
    upgrade(upgrades);
    return done(bytes);
}

/// Each is confirmed through itself.
void V2Session::upgrade(const Upgrades& upgrades) {
    const auto started = [this](std::string_view what) {
        host_.logger().info("PROTOCOL(V2): [{}] upgrading connection to {}", connection_.remoteAddress(),
                            what);
        upgraded_ = true;
        inputEnded_ = false;  // there may be more before the end, in the filter
        answer("OK");
    };
    if (upgrades.tls) {
        connection_.startTls();
        tlsMissing_ = false;
        started("TLS");
    }
    if (upgrades.snappy) {
        connection_.startSnappy();
        compressed_ = true;
        started("snappy");
    }
    if (upgrades.deflate) {
        connection_.startDeflate(upgrades.deflateLevel);
        compressed_ = true;
        started("deflate");
    }
}

V2Session::Progress V2Session::sub(const Command& command) {
    if (state_ != sdk::ClientState::kInit) return refuse(badState("SUB"));
    if (!heartbeat_.enabled()) return refuse({code::kInvalid, "cannot SUB with heartbeats disabled"});
    if (command.line.parameters() < 2)
        return refuse({code::kInvalid, "SUB insufficient number of parameters"});
    const std::string_view topic = command.line.parameter(0);
    const std::string_view channel = command.line.parameter(1);
    if (!sdk::isValidTopicName(topic)) {
        return refuse({code::kBadTopic, "SUB topic name " + quoted(topic) + " is not valid"});
    }
    if (!sdk::isValidChannelName(channel)) {
        return refuse({code::kBadChannel, "SUB channel name " + quoted(channel) + " is not valid"});
    }
    if (const auto refused = authorize("SUB", sdk::Permission::kSubscribe, topic, channel)) return *refused;
    const sdk::SubscribeOptions options{settings_.msgTimeout, settings_.sampleRate};
    sdk::Result<std::unique_ptr<sdk::Subscription>> joined =
        host_.broker().subscribe(topic, channel, options, connection_.loop(), *this);
    if (!joined) return refuse(subFailed(joined.error()));
    subscription_ = std::move(joined).value();
    delivery_.start(*subscription_);
    state_ = sdk::ClientState::kSubscribed;
    topic_ = topic;
    channel_ = channel;
    answer("OK");
    return done(command.lineBytes);
}

}  // namespace nsq::v2
