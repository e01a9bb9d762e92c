#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "nsq/sdk/result.h"

namespace nsq::auth {

/// One thing a client may do: both names have to match.
struct Grant {
    std::string topic;                  ///< a pattern
    std::vector<std::string> channels;  ///< patterns, of which one has to match; a publish has the channel ""
    bool subscribe = false;
    bool publish = false;
};

/// What an auth server says of a client.
struct Answer {
    std::chrono::seconds ttl{0};  ///< 1 at least
    std::string identity;
    std::string identityUrl;
    std::vector<Grant> grants;
};

/// Decodes JSON as nsqd does: unknown fields are ignored, names match in any case, null leaves the default.
/// kAuthFailed: it is none, a value has another type, the ttl is not positive or a permission is unknown. The
/// error's text is for the log and contains nothing of the answer. Patterns are not looked at.
/// THREAD: any.
sdk::Result<Answer> parseAnswer(const std::string& json);

}  // namespace nsq::auth
