#include "http/http_opener.h"

namespace nsq::http {

std::unique_ptr<sdk::Session> HttpOpener::open(sdk::Connection& connection, sdk::Bytes) {
    return std::make_unique<HttpSession>(connection, service_, homeOf(connection.loop()));
}

ReturnQueue& HttpOpener::homeOf(sdk::Loop& loop) {
    const std::lock_guard lock(mutex_);
    std::unique_ptr<ReturnQueue>& home = homes_[&loop];
    if (!home) home = std::make_unique<ReturnQueue>(loop);
    return *home;
}

}  // namespace nsq::http
