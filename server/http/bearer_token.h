#pragma once

#include <mutex>
#include <string>
#include <utility>

#include "nsq/sdk/http.h"

namespace nsq::http {

/// The token that requests must bear, which can change while the server runs. It is never shown. THREAD: any.
class BearerToken {
public:
    explicit BearerToken(std::string token) : token_(std::move(token)) {}

    /// False when it is the same already.
    bool replace(const std::string& token);

    /// The request has the header `Authorization: Bearer` with the token. How long that takes does not depend
    /// on how much of the token is right.
    bool isBornBy(const sdk::HttpRequest& request) const;

private:
    mutable std::mutex mutex_;
    std::string token_;  ///< guarded by mutex_
};

}  // namespace nsq::http
