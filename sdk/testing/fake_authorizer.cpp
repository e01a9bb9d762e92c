#include "nsq/sdk/testing/fake_authorizer.h"

#include <stdexcept>
#include <utility>

namespace nsq::sdk::testing {

class FakeAuthorizer::Request final : public AuthorizationRequest {
public:
    Request(FakeAuthorizer& authorizer, AuthorizationListener& listener)
        : authorizer_(authorizer), listener_(listener) {
        authorizer_.open_.push_back(this);
    }
    Request(const Request&) = delete;
    Request& operator=(const Request&) = delete;
    ~Request() override { std::erase(authorizer_.open_, this); }

    AuthorizationListener& listener() const { return listener_; }

private:
    FakeAuthorizer& authorizer_;
    AuthorizationListener& listener_;
};

std::unique_ptr<AuthorizationRequest> FakeAuthorizer::authenticate(Credentials credentials, Loop&,
                                                                   AuthorizationListener& listener) {
    asked_.push_back(std::move(credentials));
    return std::make_unique<Request>(*this, listener);
}

void FakeAuthorizer::grant(FakeAuthorization authorization) {
    answer(AuthorizationPtr{std::make_shared<FakeAuthorization>(std::move(authorization))});
}

void FakeAuthorizer::fail(std::string why) {
    answer(Error{ErrorCode::kAuthFailed, std::move(why)});
}

void FakeAuthorizer::answer(Result<AuthorizationPtr> answer) {
    if (open_.empty()) throw std::logic_error{"nobody asked for an authorization"};
    AuthorizationListener& listener = open_.front()->listener();
    open_.erase(open_.begin());
    listener.onAuthorization(std::move(answer));
}

}  // namespace nsq::sdk::testing
