#pragma once

#include "nsq/sdk/host.h"
#include "nsq/sdk/protocol.h"

namespace nsq::stomp {

/// Of a STOMP client, 1.0 to 1.2. Both outlive it. THREAD: the connection's loop.
std::unique_ptr<sdk::Session> makeSession(sdk::Host& host, sdk::Connection& connection);

}  // namespace nsq::stomp
