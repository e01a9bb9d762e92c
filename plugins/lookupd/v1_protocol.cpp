#include "v1_protocol.h"

#include "v1_session.h"

namespace nsq::lookupd {

std::unique_ptr<sdk::Session> V1Protocol::createSession(sdk::Connection& connection) {
    return std::make_unique<V1Session>(host_, db_, cleaner_, connection);
}

}  // namespace nsq::lookupd
