#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "nsq/sdk/authorizer.h"

namespace nsq::sdk::testing {

/// An authorization that allows everything, until the test changes its fields.
class FakeAuthorization final : public Authorization {
public:
    bool allows(Permission permission, std::string_view topic, std::string_view channel) const override {
        return rule(permission, topic, channel);
    }
    std::size_t permissionCount() const override { return permissions; }
    const std::string& identity() const override { return identityText; }
    const std::string& identityUrl() const override { return identityUrlText; }
    Clock::time_point expiry() const override { return expiresAt; }

    std::function<bool(Permission, std::string_view topic, std::string_view channel)> rule =
        [](Permission, std::string_view, std::string_view) { return true; };
    std::size_t permissions = 1;
    std::string identityText = "somebody";
    std::string identityUrlText = "http://id.example/somebody";
    Clock::time_point expiresAt = Clock::time_point::max();
};

/// Requests wait for the test's answer. Outlives them. THREAD: the test's only.
class FakeAuthorizer final : public Authorizer {
public:
    FakeAuthorizer() = default;
    ~FakeAuthorizer() = default;
    FakeAuthorizer(const FakeAuthorizer&) = delete;
    FakeAuthorizer& operator=(const FakeAuthorizer&) = delete;

    void require(bool required) { required_ = required; }

    /// All that was asked, in order.
    const std::vector<Credentials>& asked() const { return asked_; }

    /// Requests without an answer.
    std::size_t open() const { return open_.size(); }

    /// Answers the oldest open request, at once. There must be one.
    void grant(FakeAuthorization authorization);
    void fail(std::string why);

    bool required() const override { return required_; }
    std::unique_ptr<AuthorizationRequest> authenticate(Credentials credentials, Loop& loop,
                                                       AuthorizationListener& listener) override;

private:
    class Request;

    void answer(Result<AuthorizationPtr> answer);

    bool required_ = false;
    std::vector<Credentials> asked_;
    std::vector<Request*> open_;
};

}  // namespace nsq::sdk::testing
