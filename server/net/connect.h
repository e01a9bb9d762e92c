#pragma once

#include <Poco/Net/SocketAddress.h>
#include <Poco/Net/StreamSocket.h>

#include <span>

#include "net/interrupt.h"
#include "nsq/sdk/result.h"
#include "options/address.h"

namespace nsq::net {

/// Connects to the first of these addresses that answers, and gives none of them the time of the others; the
/// socket does not block. kInvalid: none did in time, or it was interrupted. THREAD: any that may block.
sdk::Result<Poco::Net::StreamSocket> connectTo(std::span<const Poco::Net::SocketAddress> addresses,
                                               Clock::time_point deadline, const Interrupt& interrupt);

/// The same for the addresses of `host` (see resolve).
sdk::Result<Poco::Net::StreamSocket> connectTo(const options::HostAndPort& host, Clock::time_point deadline,
                                               const Interrupt& interrupt);

}  // namespace nsq::net
