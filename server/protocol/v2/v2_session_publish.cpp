// PUB, MPUB, DPUB and their outcomes.

#include "nsq/sdk/names.h"
#include "protocol/v2/scratch.h"
#include "protocol/v2/sized_body.h"
#include "protocol/v2/utf8_text.h"
#include "protocol/v2/v2_session.h"

namespace nsq::v2 {

using std::chrono::milliseconds;

namespace {

/// The most publishes of one client that may be without their outcomes (chosen); further ones wait.
constexpr std::size_t kMaxOwed = 65536;

/// By V2Session::Publish.
struct PublishKind {
    std::string_view command;
    std::string_view failed;
};
constexpr PublishKind kKinds[] = {
    {"PUB", code::kPubFailed}, {"MPUB", code::kMpubFailed}, {"DPUB", code::kDpubFailed}};

ProtocolError publishFailed(const PublishKind& kind, const sdk::Error& error) {
    return {kind.failed, std::string{kind.command} + " failed " + error.text};
}

ProtocolError badTopic(std::string_view command, std::string_view topic) {
    return {code::kBadTopic, std::string{command} + " topic name " + quoted(topic) + " is not valid"};
}

ProtocolError tooFewParameters(std::string_view command) {
    return {code::kInvalid, std::string{command} + " insufficient number of parameters"};
}

ProtocolError badSize(std::string_view command, std::int64_t size, std::int64_t max) {
    const std::string text{command};
    if (size <= 0) return {code::kBadMessage, text + " invalid message body size " + std::to_string(size)};
    return {code::kBadMessage,
            text + " message too big " + std::to_string(size) + " > " + std::to_string(max)};
}

}  // namespace

V2Session::Progress V2Session::pub(const Command& command) {
    if (command.line.parameters() < 1) return refuse(tooFewParameters("PUB"));
    const std::string_view topic = command.line.parameter(0);
    if (!sdk::isValidTopicName(topic)) return refuse(badTopic("PUB", topic));
    return publishOne(command, Publish::kPub, milliseconds{0});
}

V2Session::Progress V2Session::dpub(const Command& command) {
    if (command.line.parameters() < 2) return refuse(tooFewParameters("DPUB"));
    const std::string_view topic = command.line.parameter(0);
    if (!sdk::isValidTopicName(topic)) return refuse(badTopic("DPUB", topic));
    const std::string_view digits = command.line.parameter(1);
    const std::optional<std::uint64_t> delay = parseNumber(digits);
    if (!delay) return refuse({code::kInvalid, "DPUB could not parse timeout " + std::string{digits}});
    const auto max = static_cast<std::uint64_t>(limits_.maxReqTimeout.count());
    if (*delay > max) {
        return refuse({code::kInvalid, "DPUB timeout " + numberText(digits, *delay) + " out of range 0-" +
                                           std::to_string(max)});
    }
    return publishOne(command, Publish::kDpub, milliseconds{*delay});
}

V2Session::Progress V2Session::publishOne(const Command& command, Publish kind, milliseconds delay) {
    const SizedBody sized = readSizedBody(command.rest, limits_.maxMsgSize);
    if (sized.state == SizedBody::State::kIncomplete) return incomplete(command.lineBytes + sized.bytes);
    if (sized.state == SizedBody::State::kBad) {
        return refuse(
            badSize(kKinds[static_cast<std::size_t>(kind)].command, sized.size, limits_.maxMsgSize));
    }
    const std::string_view topic = command.line.parameter(0);
    if (const auto refused = authorizePublish(kind, topic)) return *refused;
    return publish(kind, {topic, {&sized.body, 1}, delay}, command.lineBytes + sized.bytes);
}

V2Session::Progress V2Session::mpub(const Command& command) {
    if (command.line.parameters() < 1) return refuse(tooFewParameters("MPUB"));
    const std::string_view topic = command.line.parameter(0);
    if (!sdk::isValidTopicName(topic)) {
        ProtocolError error = badTopic("MPUB", topic);
        // nsqd says the code twice here, and its clients may know it so.
        error.description = std::string{code::kBadTopic} + ' ' + error.description;
        return refuse(error);
    }
    // As in nsqd before the body, of the others behind it.
    if (const auto refused = authorizePublish(Publish::kMpub, topic)) return *refused;
    switch (mpub_.read(command.rest)) {
        case MpubReader::State::kIncomplete:
            return incomplete(command.lineBytes + mpub_.size());
        case MpubReader::State::kInvalid:
            return refuse(mpub_.error());
        case MpubReader::State::kComplete:
            break;
    }
    mpub_.bodies(command.rest, bodies_);
    const Progress progress =
        publish(Publish::kMpub, {topic, bodies_, milliseconds{0}}, command.lineBytes + mpub_.size());
    emptyScratch(bodies_);
    return progress;
}

std::optional<V2Session::Progress> V2Session::authorizePublish(Publish kind, std::string_view topic) {
    const std::string_view command = kKinds[static_cast<std::size_t>(kind)].command;
    return authorize(command, sdk::Permission::kPublish, topic, {});
}

/// Publishes what a command of `bytes` holds; its answer follows with the outcome.
V2Session::Progress V2Session::publish(Publish kind, const sdk::Publication& publication, std::size_t bytes) {
    if (answers_.owed() >= kMaxOwed) return wait();
    if (!publisher_) publisher_ = host_.broker().openPublisher(connection_.loop(), *this);
    const auto tag = static_cast<std::uint64_t>(kind);
    const sdk::Result<void> published = publisher_->publish(publication, tag);
    if (!published) return refuse(publishFailed(kKinds[tag], published.error()));
    answers_.owe();
    countPublished(publication.topic, publication.bodies.size());
    mpub_.reset();
    return done(bytes);
}

void V2Session::countPublished(std::string_view topic, std::size_t count) {
    if (lastPublished_ == published_.end() || lastPublished_->first != topic) {
        lastPublished_ = published_.find(topic);
        if (lastPublished_ == published_.end()) lastPublished_ = published_.emplace(topic, 0).first;
    }
    lastPublished_->second += count;
}

void V2Session::onPublished(std::span<const sdk::PublishOutcome> outcomes) {
    if (closed_) return;
    std::size_t committed = 0;
    for (const sdk::PublishOutcome& outcome : outcomes) {
        if (outcome.error != nullptr) {
            const ProtocolError error = publishFailed(kKinds[outcome.tag], *outcome.error);
            log(error, {});
            answers_.pay(committed);
            answers_.payWithError(error.text());
            return close(error.code);
        }
        ++committed;
    }
    answers_.pay(committed);
    waiting_ = waiting_ || connection_.outputRoom() == 0;
    if (answers_.owed() == 0) goOn();
}

}  // namespace nsq::v2
