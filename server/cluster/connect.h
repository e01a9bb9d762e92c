#pragma once

#include <Poco/Net/StreamSocket.h>

#include "cluster/interrupt.h"
#include "nsq/sdk/result.h"
#include "options/address.h"

namespace nsq::cluster {

/// Connects to the first address of `host` that answers; the socket does not block. kInvalid: none did in
/// time, or it was interrupted. THREAD: any that may block.
sdk::Result<Poco::Net::StreamSocket> connectTo(const options::HostAndPort& host, Clock::time_point deadline,
                                               const Interrupt& interrupt);

}  // namespace nsq::cluster
