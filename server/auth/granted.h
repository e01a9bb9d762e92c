#pragma once

#include <string>
#include <vector>

#include "auth/answer.h"
#include "auth/pattern_pool.h"
#include "nsq/sdk/authorizer.h"
#include "nsq/sdk/result.h"

namespace nsq::auth {

/// The authorization that an auth server's answer makes. As in nsqd a pattern matches anywhere in a name
/// unless it is anchored, and a publish has to match a channel's pattern too, with the empty name.
/// THREAD: any.
class Granted final : public sdk::Authorization {
public:
    /// Good for the answer's ttl from now on. What a rule has several times counts once. kAuthFailed: a
    /// pattern does not compile, or there are too many.
    static sdk::Result<sdk::AuthorizationPtr> make(const Answer& answer, PatternPool& pool);

    bool allows(sdk::Permission permission, std::string_view topic, std::string_view channel) const override;
    std::size_t permissionCount() const override { return rules_.size(); }
    const std::string& identity() const override { return identity_; }
    const std::string& identityUrl() const override { return identityUrl_; }
    sdk::Clock::time_point expiry() const override { return expiry_; }

private:
    struct Rule {
        Pattern topic;
        std::vector<Pattern> channels;
        bool subscribe;
        bool publish;
    };

    std::vector<Rule> rules_;
    std::string identity_;
    std::string identityUrl_;
    sdk::Clock::time_point expiry_;
};

}  // namespace nsq::auth
