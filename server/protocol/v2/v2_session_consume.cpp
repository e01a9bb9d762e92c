// RDY, FIN, REQ, TOUCH and CLS.

#include <algorithm>

#include "protocol/v2/scratch.h"
#include "protocol/v2/v2_session.h"

namespace nsq::v2 {

using std::chrono::milliseconds;

namespace {

ProtocolError tooFewParameters(std::string_view command) {
    return {code::kInvalid, std::string{command} + " insufficient number of params"};
}

ProtocolError badId() {
    return {code::kInvalid, "invalid message ID"};
}

/// nsqd compares ids as bytes: one that is not an id at all is simply not in flight.
sdk::Error notInFlight() {
    return {sdk::ErrorCode::kNotInFlight, "ID not in flight"};
}

ProtocolError commandFailed(std::string_view code, std::string_view command, std::string_view id,
                            const sdk::Error& error) {
    std::string_view why = error.text;
    if (error.code == sdk::ErrorCode::kNotInFlight) why = "ID not in flight";
    if (error.code == sdk::ErrorCode::kNotOwner) why = "client does not own message";
    std::string text{command};
    text.append(" ").append(id).append(" failed ").append(why);
    return {code, std::move(text), false};
}

}  // namespace

V2Session::Progress V2Session::rdy(const Command& command) {
    // A CLS and a RDY may cross on their way.
    if (state_ == sdk::ClientState::kClosing) return done(command.lineBytes);
    if (state_ != sdk::ClientState::kSubscribed) return refuse(badState("RDY"));
    std::uint64_t count = 1;
    if (command.line.parameters() > 0) {
        const std::string_view digits = command.line.parameter(0);
        const std::optional<std::uint64_t> parsed = parseNumber(digits);
        if (!parsed) return refuse({code::kInvalid, "RDY could not parse count " + std::string{digits}});
        if (*parsed > static_cast<std::uint64_t>(limits_.maxRdyCount)) {
            return refuse({code::kInvalid, "RDY count " + numberText(digits, *parsed) + " out of range 0-" +
                                               std::to_string(limits_.maxRdyCount)});
        }
        count = *parsed;
    }
    subscription_->setReady(static_cast<std::int64_t>(count));
    delivery_.schedule();
    return done(command.lineBytes);
}

/// The FINs that gatherFin did not take.
V2Session::Progress V2Session::fin(const Command& command) {
    if (!isConsuming()) return refuse(badState("FIN"));
    if (command.line.parameters() < 1) return refuse(tooFewParameters("FIN"));
    const std::string_view text = command.line.parameter(0);
    if (text.size() != sdk::MessageId::kTextLength) return refuse(badId());
    if (const std::optional<sdk::MessageId> id = parseId(text)) {
        finIds_.push_back(*id);
    } else {
        refuse(commandFailed(code::kFinFailed, "FIN", text, notInFlight()));
    }
    return done(command.lineBytes);
}

void V2Session::flushFins() {
    if (finIds_.empty() || inputIsOver()) return;
    const std::vector<sdk::Subscription::Failure> failures = subscription_->finish(finIds_);
    finishCount_ += finIds_.size() - failures.size();
    for (const sdk::Subscription::Failure& failure : failures) {
        const auto id = finIds_[failure.index].text();
        refuse(commandFailed(code::kFinFailed, "FIN", {id.data(), id.size()}, failure.error));
    }
    emptyScratch(finIds_);
    delivery_.schedule();
}

V2Session::Progress V2Session::req(const Command& command) {
    if (!isConsuming()) return refuse(badState("REQ"));
    if (command.line.parameters() < 2) return refuse(tooFewParameters("REQ"));
    const std::string_view text = command.line.parameter(0);
    if (text.size() != sdk::MessageId::kTextLength) return refuse(badId());
    const std::string_view digits = command.line.parameter(1);
    const std::optional<std::uint64_t> asked = parseNumber(digits);
    if (!asked) return refuse({code::kInvalid, "REQ could not parse timeout " + std::string{digits}});
    const auto max = static_cast<std::uint64_t>(limits_.maxReqTimeout.count());
    const milliseconds delay{std::min(*asked, max)};
    const std::optional<sdk::MessageId> id = parseId(text);
    const sdk::Result<void> requeued = id ? subscription_->requeue(*id, delay) : notInFlight();
    if (requeued) {
        ++requeueCount_;
        delivery_.schedule();
    } else {
        refuse(commandFailed(code::kReqFailed, "REQ", text, requeued.error()));
    }
    return done(command.lineBytes);
}

V2Session::Progress V2Session::touch(const Command& command) {
    if (!isConsuming()) return refuse(badState("TOUCH"));
    if (command.line.parameters() < 1) return refuse(tooFewParameters("TOUCH"));
    const std::string_view text = command.line.parameter(0);
    if (text.size() != sdk::MessageId::kTextLength) return refuse(badId());
    const std::optional<sdk::MessageId> id = parseId(text);
    const sdk::Result<void> touched = id ? subscription_->touch(*id) : notInFlight();
    if (!touched) refuse(commandFailed(code::kTouchFailed, "TOUCH", text, touched.error()));
    return done(command.lineBytes);
}

V2Session::Progress V2Session::cls(const Command& command) {
    if (state_ != sdk::ClientState::kSubscribed) return refuse(badState("CLS"));
    subscription_->setReady(0);
    state_ = sdk::ClientState::kClosing;
    answer("CLOSE_WAIT");
    return done(command.lineBytes);
}

}  // namespace nsq::v2
