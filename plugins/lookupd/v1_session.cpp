#include "v1_session.h"

#include <Poco/JSON/Object.h>
#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <sstream>
#include <utility>

#include "go_text.h"
#include "identity.h"
#include "nsq/sdk/names.h"
#include "v1_protocol.h"

namespace nsq::lookupd {

namespace {

constexpr std::size_t kSizeBytes = 4;  ///< the int32 before a body, and before an answer

/// The longest command line, its newline included, in bytes (chosen, as for V2): two names fill 150.
constexpr std::size_t kMaxLine = 16384;

/// The largest body of IDENTIFY, in bytes (chosen): nsqd's has some hundred, and each is kept
/// several times.
constexpr std::int32_t kMaxBody = 8 * 1024;

/// The most of a client's own text in a log line, in bytes (chosen).
constexpr std::size_t kMaxLogged = 200;

/// Without white space around, as nsqlookupd reads a line.
std::string_view trimmed(std::string_view line) {
    constexpr std::string_view kSpaces = " \t\r\n\v\f";
    const std::size_t begin = line.find_first_not_of(kSpaces);
    if (begin == std::string_view::npos) return {};
    return line.substr(begin, line.find_last_not_of(kSpaces) - begin + 1);
}

/// What stands before the first space, which `text` loses with it.
std::string_view takeWord(std::string_view& text) {
    const std::size_t space = text.find(' ');
    const std::string_view word = text.substr(0, space);
    text.remove_prefix(space == std::string_view::npos ? text.size() : space + 1);
    return word;
}

}  // namespace

V1Session::~V1Session() {
    if (peer_ == nullptr) return;
    host_.logger().info("PROTOCOL(V1): [{}] is gone", connection_.remoteAddress());
    db_.leave(peer_);
    cleaner_.add(std::move(peer_));
}

std::size_t V1Session::maxPending() const {
    return kMaxLine + kSizeBytes + kMaxBody;
}

std::size_t V1Session::onData(sdk::Bytes data) {
    std::size_t used = 0;
    startingTls_ = false;
    while (!closed_ && !waiting_ && !startingTls_) {
        const std::size_t bytes = next(data.subspan(used));
        if (bytes == 0) break;
        used += bytes;
    }
    if (closed_) used = data.size();
    left_ = data.size() - used;
    if (inputEnded_) endInput();
    return used;
}

/// Goes on with what `data` begins with. Returns the bytes used up, 0 when more is needed.
std::size_t V1Session::next(sdk::Bytes data) {
    switch (expected_) {
        case Expected::kMagic:
            if (data.size() < V1Protocol::kMagic.size()) return 0;
            expected_ = Expected::kCommand;
            return V1Protocol::kMagic.size();
        case Expected::kCommand:
            return readLine(data);
        case Expected::kBody:
            return readBody(data);
    }
    return 0;
}

std::size_t V1Session::readLine(sdk::Bytes data) {
    const std::string_view text = sdk::asText(data).substr(0, kMaxLine);
    const std::size_t newline = text.find('\n');
    if (newline != std::string_view::npos) {
        execute(trimmed(text.substr(0, newline)));
        return newline + 1;
    }
    if (text.size() == kMaxLine) refuse("E_INVALID", "command line too long");
    return 0;
}

void V1Session::execute(std::string_view line) {
    std::string_view parameters = line;
    const std::string_view command = takeWord(parameters);
    if (command == "IDENTIFY") {
        if (peer_ != nullptr) return refuse("E_INVALID", "cannot IDENTIFY again");
        expected_ = Expected::kBody;
        return;
    }
    if (host_.limits().tlsRequired && !connection_.isTls()) {
        return refuse("E_INVALID", fmt::format("cannot {} in current state (TLS required)", command));
    }
    if (command == "PING") return ping();
    if (command == "REGISTER") return registerFor(line);
    if (command == "UNREGISTER") return unregisterFrom(line);
    refuse("E_INVALID", fmt::format("invalid command {}", command));
}

void V1Session::ping() {
    if (peer_ != nullptr) {
        const sdk::Clock::time_point now = connection_.loop().now();
        host_.logger().debug("CLIENT({}): pinged (last ping {})", connection_.remoteAddress(),
                             http_api::goDuration(now - peer_->lastSeen()));
        peer_->ping(now);
    }
    answer("OK");
}

std::size_t V1Session::readBody(sdk::Bytes data) {
    if (data.size() < kSizeBytes) return 0;
    const auto size = sdk::loadBig<std::int32_t>(data.data());
    if (size < 0) {
        refuse("E_BAD_BODY", fmt::format("IDENTIFY invalid body size {}", size));
        return 0;
    }
    if (size > kMaxBody) {
        refuse("E_BAD_BODY", fmt::format("IDENTIFY body too big {} > {}", size, kMaxBody));
        return 0;
    }
    const std::size_t bytes = kSizeBytes + static_cast<std::size_t>(size);
    if (data.size() < bytes) return 0;
    expected_ = Expected::kCommand;
    identify(sdk::asText(data.subspan(kSizeBytes, static_cast<std::size_t>(size))));
    return bytes;
}

void V1Session::identify(std::string_view body) {
    auto decoded = decodeIdentity(body);
    if (!decoded) {
        return refuse("E_BAD_BODY", "IDENTIFY failed to decode JSON body", decoded.error().text);
    }
    Identity identity = std::move(decoded).value();
    if (!identity.isComplete()) return refuse("E_BAD_BODY", "IDENTIFY missing fields");
    startingTls_ = identity.tlsV1 && host_.limits().tls;
    if (host_.limits().tlsRequired && !startingTls_) {
        return refuse("E_INVALID", "cannot IDENTIFY in current state (TLS required)");
    }
    identity.remoteAddress = connection_.remoteAddress();
    host_.logger().info("CLIENT({}): IDENTIFY Address:{} TCP:{} HTTP:{} Version:{}", identity.remoteAddress,
                        identity.broadcastAddress.substr(0, kMaxLogged), identity.tcpPort, identity.httpPort,
                        identity.version.substr(0, kMaxLogged));
    peer_ = new Peer{std::move(identity), connection_.loop().now()};
    db_.add(peer_);
    answer(serverText());
    if (!startingTls_) return;
    connection_.startTls();
    answer("OK");
}

/// As nsqlookupd answers IDENTIFY, and whether TLS follows if there is a certificate.
std::string V1Session::serverText() const {
    const sdk::ServerInfo& info = host_.info();
    Poco::JSON::Object json;
    json.set("tcp_port", info.tcpPort);
    json.set("http_port", info.httpPort);
    json.set("version", info.version);
    json.set("broadcast_address", info.broadcastAddress);
    json.set("hostname", info.hostname);
    if (host_.limits().tls) json.set("tls_v1", startingTls_);
    std::ostringstream text;
    json.stringify(text);
    return text.str();
}

void V1Session::registerFor(std::string_view line) {
    Names names;
    if (!readNames(line, names)) return;
    db_.addRegistration(*peer_, names.topic, names.channel);
    host_.logger().debug("DB: client({}) REGISTER topic:{} channel:{}", connection_.remoteAddress(),
                         names.topic, names.channel);
    answer("OK");
}

void V1Session::unregisterFrom(std::string_view line) {
    Names names;
    if (!readNames(line, names)) return;
    db_.removeRegistration(*peer_, names.topic, names.channel);
    host_.logger().debug("DB: client({}) UNREGISTER topic:{} channel:{}", connection_.remoteAddress(),
                         names.topic, names.channel);
    answer("OK");
}

/// False when it is refused.
bool V1Session::readNames(std::string_view line, Names& names) {
    if (peer_ == nullptr) {
        refuse("E_INVALID", "client must IDENTIFY");
        return false;
    }
    const std::string_view command = takeWord(line);
    // A space at the end of the line is gone: with one, there is a parameter behind it.
    if (line.empty()) {
        refuse("E_INVALID", fmt::format("{} insufficient number of params", command));
        return false;
    }
    names.topic = takeWord(line);
    names.channel = takeWord(line);
    if (!sdk::isValidTopicName(names.topic)) {
        refuse("E_BAD_TOPIC", fmt::format("{} topic name '{}' is not valid", command, names.topic));
        return false;
    }
    if (!names.channel.empty() && !sdk::isValidChannelName(names.channel)) {
        refuse("E_BAD_CHANNEL", fmt::format("{} channel name '{}' is not valid", command, names.channel));
        return false;
    }
    return true;
}

void V1Session::answer(std::string_view text) {
    sdk::Output& output = connection_.output();
    sdk::storeBig(output.extend(kSizeBytes), static_cast<std::int32_t>(text.size()));
    output.write(sdk::asBytes(text));
    waiting_ = waiting_ || connection_.outputRoom() == 0;
}

/// Every error is fatal, as in nsqlookupd. `detail` goes to the log only.
void V1Session::refuse(std::string_view code, std::string_view description, std::string_view detail) {
    const std::string text = fmt::format("{} {}", code, description);
    host_.logger().error("[{}] - {}{}{}", connection_.remoteAddress(),
                         std::string_view{text}.substr(0, kMaxLogged), detail.empty() ? "" : " - ",
                         detail.substr(0, kMaxLogged));
    answer(text);
    closed_ = true;
    connection_.close(code);
}

void V1Session::onOutputDrained() {
    waiting_ = false;
    if (left_ > 0) return connection_.resumeInput();
    if (inputEnded_) endInput();
}

bool V1Session::onInputEnd() {
    inputEnded_ = true;
    endInput();
    return !closed_;
}

/// There is no more to come: closes, unless there are commands to answer yet.
void V1Session::endInput() {
    if (waiting_ || closed_) return;
    if (expected_ == Expected::kBody) {
        return refuse("E_BAD_BODY", left_ < kSizeBytes ? "IDENTIFY failed to read body size"
                                                       : "IDENTIFY failed to read body");
    }
    closed_ = true;
    connection_.close("the client hung up");
}

void V1Session::onTlsFailed(std::string_view reason) {
    refuse("E_IDENTIFY_FAILED", fmt::format("IDENTIFY failed {}", reason));
}

void V1Session::describe(sdk::ClientStats& stats) const {
    stats.protocol = "V1";
    if (peer_ == nullptr) return;
    const Identity& identity = peer_->identity();
    stats.clientId = peer_->node();
    stats.hostname = identity.hostname;
    stats.userAgent = "nsqd/" + identity.version;
}

}  // namespace nsq::lookupd
