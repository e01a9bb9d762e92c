#pragma once

#include <map>
#include <memory>
#include <mutex>

#include "http/exchange.h"
#include "http/http_session.h"
#include "net/session_opener.h"

namespace nsq::http {

/// Makes the session of each HTTP connection, and keeps each loop's return queue. Destroyed when neither
/// workers nor loops run any more.
class HttpOpener final : public net::SessionOpener {
public:
    explicit HttpOpener(const HttpService& service) : service_(service) {}

    std::size_t bytesNeeded() const override { return 1; }
    std::unique_ptr<sdk::Session> open(sdk::Connection& connection, sdk::Bytes first) override;

private:
    ReturnQueue& homeOf(sdk::Loop& loop);

    const HttpService service_;
    std::mutex mutex_;  ///< guards homes_, not what it holds
    std::map<const sdk::Loop*, std::unique_ptr<ReturnQueue>> homes_;
};

}  // namespace nsq::http
