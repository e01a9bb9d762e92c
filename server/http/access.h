#pragma once

#include <optional>

#include "http/bearer_token.h"
#include "nsq/sdk/http.h"

namespace nsq::http {

/// What a listener wants of requests that may change something: all but GET, HEAD and OPTIONS, whatever their
/// path, so that no plugin has to think of it.
struct Access {
    bool readOnly = false;               ///< they are refused
    const BearerToken* token = nullptr;  ///< they must bear it; null: they need none
};

/// The answer to a request that is refused, or nothing. Needs its method and headers only. THREAD: any.
std::optional<sdk::HttpResponse> refusal(const Access& access, const sdk::HttpRequest& request);

}  // namespace nsq::http
