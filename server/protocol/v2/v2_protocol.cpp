#include "protocol/v2/v2_protocol.h"

#include "protocol/v2/v2_session.h"

namespace nsq::v2 {

std::unique_ptr<sdk::Session> V2Protocol::createSession(sdk::Connection& connection) {
    return std::make_unique<V2Session>(host_, connection);
}

}  // namespace nsq::v2
