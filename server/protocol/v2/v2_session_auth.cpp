// AUTH, and what other commands need of it.

#include <Poco/JSON/Object.h>

#include <sstream>
#include <utility>

#include "protocol/v2/sized_body.h"
#include "protocol/v2/utf8_text.h"
#include "protocol/v2/v2_session.h"

namespace nsq::v2 {

V2Session::Progress V2Session::auth(const Command& command) {
    if (state_ != sdk::ClientState::kInit) return refuse(badState("AUTH"));
    if (command.line.parameters() > 0) return refuse({code::kInvalid, "AUTH invalid number of parameters"});
    const SizedBody sized = readSizedBody(command.rest, limits_.maxBodySize);
    if (sized.state == SizedBody::State::kIncomplete) return incomplete(command.lineBytes + sized.bytes);
    if (sized.state == SizedBody::State::kBad)
        return refuse(badBodySize("AUTH", sized.size, limits_.maxBodySize));
    if (authorization_) return refuse({code::kInvalid, "AUTH already set"});
    if (!authRequired_) return refuse({code::kAuthDisabled, "AUTH disabled"});
    secret_ = sdk::asText(sized.body);
    authUnanswered_ = true;
    askAuthorizer();
    return done(command.lineBytes + sized.bytes);
}

/// Nothing if the client may do this. Otherwise the command goes no further: it is refused, or has to wait.
std::optional<V2Session::Progress> V2Session::authorize(std::string_view command, sdk::Permission permission,
                                                        std::string_view topic, std::string_view channel) {
    if (!authRequired_) return {};
    if (!authorization_) return refuse({code::kAuthFirst, "AUTH required before " + std::string{command}});
    // However short it lasts, it is good for the command that it was asked for.
    if (!std::exchange(authIsNew_, false) && connection_.loop().now() >= authorization_->expiry()) {
        askAuthorizer();
        return wait();
    }
    if (authorization_->allows(permission, topic, channel)) return {};
    return refuse({code::kUnauthorized, "AUTH failed for " + std::string{command} + " on " + quoted(topic) +
                                            ' ' + quoted(channel)});
}

/// No input is used until the answer is there.
void V2Session::askAuthorizer() {
    waiting_ = true;
    authRequest_ = host_.authorizer().authenticate(credentials(), connection_.loop(), *this);
}

sdk::Credentials V2Session::credentials() const {
    return {.remoteHost = connection_.remoteHost(),
            .tls = connection_.isTls(),
            .commonName = connection_.peerCommonName(),
            .secret = secret_};
}

void V2Session::onAuthorization(sdk::Result<sdk::AuthorizationPtr> answer) {
    authRequest_.reset();
    if (inputIsOver()) return;
    if (!answer) {
        refuse({code::kAuthFailed, "AUTH failed"}, answer.error().text);
        return;
    }
    authorization_ = std::move(answer).value();
    authIsNew_ = !authUnanswered_;
    if (std::exchange(authUnanswered_, false)) answerAuth();
    goOn();
}

void V2Session::answerAuth() {
    if (authorization_->permissionCount() == 0) {
        refuse({code::kUnauthorized, "AUTH no authorizations found"});
        return;
    }
    Poco::JSON::Object json{Poco::JSON_PRESERVE_KEY_ORDER};
    json.set("identity", authorization_->identity());
    json.set("identity_url", authorization_->identityUrl());
    json.set("permission_count", static_cast<std::uint64_t>(authorization_->permissionCount()));
    std::ostringstream text;
    json.stringify(text);
    answer(text.str());
}

}  // namespace nsq::v2
