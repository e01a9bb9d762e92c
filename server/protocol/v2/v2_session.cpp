// The input: from bytes to commands, and what all commands share.

#include "protocol/v2/v2_session.h"

#include <algorithm>
#include <cstring>

#include "protocol/v2/scratch.h"
#include "protocol/v2/utf8_text.h"

namespace nsq::v2 {

namespace {

constexpr std::size_t kMagicSize = 4;
constexpr std::size_t kSizeBytes = 4;  ///< the int32 before a body

/// FINs given to the broker at once (chosen): each may fail, with an answer larger than itself.
constexpr std::size_t kMaxGathered = 1024;

/// The largest command: a line, the size of its body, the body.
std::size_t largestCommand(const sdk::Limits& limits) {
    const std::int64_t body = std::max(limits.maxBodySize, limits.maxMsgSize);
    return kMaxLine + kSizeBytes + static_cast<std::size_t>(std::max<std::int64_t>(body, 0));
}

}  // namespace

V2Session::V2Session(sdk::Host& host, sdk::Connection& connection)
    : host_(host),
      connection_(connection),
      limits_(host.limits()),
      maxPending_(largestCommand(limits_)),
      settings_(limits_, connection.remoteHost()),
      answers_(connection),
      heartbeat_(connection, answers_),
      tlsMissing_(limits_.tlsRequired),
      mpub_(limits_.maxMsgSize, limits_.maxBodySize),
      authRequired_(host.authorizer().required()),
      delivery_(connection) {
    heartbeat_.start(settings_.heartbeatInterval);
}

std::size_t V2Session::onData(sdk::Bytes data) {
    std::size_t used = 0;
    if (!magicSeen_) {
        if (data.size() < kMagicSize) return 0;
        used = kMagicSize;
        magicSeen_ = true;
    }
    upgraded_ = false;
    while (used < data.size() && !waiting_ && !upgraded_ && !inputIsOver()) {
        const sdk::Bytes rest = data.subspan(used);
        if (rest.size() < needed_) break;
        used += advance(rest);
    }
    flushFins();
    if (inputIsOver()) return data.size();
    inputLeft_ = used < data.size() && !upgraded_;
    endIfAnswered();
    return used;
}

/// Goes on with the command that `data` begins with. Returns the bytes used up.
std::size_t V2Session::advance(sdk::Bytes data) {
    const Progress progress = next(data);
    switch (progress.kind) {
        case Progress::Kind::kDone:
            needed_ = 0;
            scanned_ = 0;
            return progress.bytes;
        case Progress::Kind::kIncomplete:
            needed_ = progress.bytes;
            return 0;
        case Progress::Kind::kWait:
            waiting_ = true;
            return 0;
    }
    return 0;
}

V2Session::Progress V2Session::next(sdk::Bytes data) {
    if (const std::size_t bytes = answers_.holding() ? 0 : gatherFin(data)) {
        if (finIds_.size() >= kMaxGathered) flushFins();
        return done(bytes);
    }
    flushFins();
    if (waiting_ || answers_.holding()) return wait();
    const std::size_t searched = std::min(data.size(), kMaxLine);
    const std::string_view text = sdk::asText(data.first(searched));
    const std::size_t newline = text.find('\n', scanned_);
    if (newline == std::string_view::npos) {
        // nsqd closes without a word.
        if (searched == kMaxLine) return refuse({code::kInvalid, "command line too long"});
        scanned_ = searched;
        return incomplete(searched + 1);
    }
    return execute({splitLine(text.substr(0, newline)), newline + 1, data.subspan(newline + 1)});
}

/// The usual FIN, without searching for its end. Returns its size, or 0 if `data` does not begin with one.
std::size_t V2Session::gatherFin(sdk::Bytes data) {
    constexpr std::string_view kFin = "FIN ";
    constexpr std::size_t kTextEnd = kFin.size() + sdk::MessageId::kTextLength;
    if (data.size() <= kTextEnd || !isConsuming()) return 0;
    const std::string_view text = sdk::asText(data);
    if (!text.starts_with(kFin)) return 0;
    std::size_t end = kTextEnd;
    if (text[end] == '\r' && data.size() > end + 1) ++end;
    if (text[end] != '\n') return 0;
    const std::optional<sdk::MessageId> id = parseId(text.substr(kFin.size(), sdk::MessageId::kTextLength));
    if (!id) return 0;
    finIds_.push_back(*id);
    return end + 1;
}

V2Session::Progress V2Session::execute(const Command& command) {
    const std::string_view name = command.line.name();
    if (tlsMissing_ && name != "IDENTIFY") {
        return refuse({code::kInvalid, "cannot " + std::string{name} + " in current state (TLS required)"});
    }
    if (name == "PUB") return pub(command);
    if (name == "MPUB") return mpub(command);
    if (name == "DPUB") return dpub(command);
    if (name == "FIN") return fin(command);
    if (name == "RDY") return rdy(command);
    if (name == "REQ") return req(command);
    if (name == "TOUCH") return touch(command);
    if (name == "NOP") return done(command.lineBytes);
    return executeAnswered(command);
}

/// Commands that always have an answer of their own, which comes after those of the publishes before.
V2Session::Progress V2Session::executeAnswered(const Command& command) {
    if (answers_.owed() > 0) return wait();
    const std::string_view name = command.line.name();
    if (name == "IDENTIFY") return identify(command);
    if (name == "SUB") return sub(command);
    if (name == "CLS") return cls(command);
    if (name == "AUTH") return auth(command);
    return refuse({code::kInvalid, "invalid command " + std::string{name}});
}

void V2Session::answer(std::string_view text) {
    answers_.respond(text);
    waiting_ = waiting_ || connection_.outputRoom() == 0;
}

/// Answers with an error. `detail` goes to the log only. Uses up all input if the error is fatal, else
/// nothing.
V2Session::Progress V2Session::refuse(const ProtocolError& error, std::string_view detail) {
    log(error, detail);
    answers_.refuse(error.text());
    waiting_ = waiting_ || connection_.outputRoom() == 0;
    if (error.fatal) end(error.code);
    return done(0);
}

void V2Session::log(const ProtocolError& error, std::string_view detail) {
    // Errors that are not fatal come once a message: a client that is late with its FINs must not fill the
    // log.
    const auto level = error.fatal ? spdlog::level::err : spdlog::level::debug;
    spdlog::logger& logger = host_.logger();
    if (!logger.should_log(level)) return;
    logger.log(level, "[{}] - {}{}{}", connection_.remoteAddress(), forLog(error.text()),
               detail.empty() ? "" : " - ", forLog(detail));
}

void V2Session::end(std::string_view reason) {
    if (inputIsOver()) return;
    ended_ = true;
    endReason_ = reason;
    endIfAnswered();
}

void V2Session::endIfAnswered() {
    if (closed_ || answers_.owed() > 0) return;
    if (ended_) return close(endReason_);
    if (inputEnded_ && !willGoOn()) close("the client hung up");
}

void V2Session::close(std::string_view reason) {
    closed_ = true;
    delivery_.stop();
    connection_.close(reason);
}

/// What the input waited for may have come.
void V2Session::goOn() {
    if (waiting_ && !authRequest_ && !inputIsOver() && connection_.outputRoom() > 0) {
        waiting_ = false;
        if (inputLeft_) return connection_.resumeInput();
    }
    endIfAnswered();
}

void V2Session::onOutputDrained() {
    heartbeat_.onOutputDrained();
    delivery_.schedule();
    goOn();
}

void V2Session::onTimer() {
    if (closed_) return;
    const std::string_view problem = heartbeat_.onTimer();
    if (problem.empty()) return;
    host_.logger().error("[{}] - {} of {} ms", connection_.remoteAddress(), problem,
                         settings_.heartbeatInterval.count());
    close("no heartbeat");
}

bool V2Session::onInputEnd() {
    inputEnded_ = true;
    return answers_.owed() > 0 || willGoOn();
}

void V2Session::onTlsFailed(std::string_view reason) {
    refuse({code::kIdentifyFailed, "IDENTIFY failed " + std::string{reason}});
}

void V2Session::describe(sdk::ClientStats& stats) const {
    stats.clientId = settings_.clientId;
    stats.hostname = settings_.hostname;
    stats.protocol = "V2";
    stats.userAgent = settings_.userAgent;
    stats.state = state_;
    if (subscription_) {
        stats.readyCount = subscription_->ready();
        stats.inFlightCount = subscription_->inFlight();
    }
    stats.messageCount = delivery_.count();
    stats.finishCount = finishCount_;
    stats.requeueCount = requeueCount_;
    stats.sampleRate = settings_.sampleRate;
    stats.topic = topic_;
    stats.channel = channel_;
    stats.authed = authorization_ != nullptr;
    if (authorization_) {
        stats.authIdentity = authorization_->identity();
        stats.authIdentityUrl = authorization_->identityUrl();
    }
    for (const auto& [topic, count] : published_) stats.pubCounts.push_back({topic, count});
}

}  // namespace nsq::v2
