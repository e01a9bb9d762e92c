#pragma once

#include <Poco/Net/SocketAddress.h>

#include <vector>

#include "net/interrupt.h"
#include "nsq/sdk/result.h"
#include "options/address.h"

namespace nsq::net {

/// The addresses of a host, at least one; no host is this machine. Names are looked up as /etc/hosts and the
/// name servers have them, with c-ares: the C library's way cannot be ended before a name server's timeout.
/// kInvalid: there is none, it took too long, or it was interrupted. THREAD: any that may block.
sdk::Result<std::vector<Poco::Net::SocketAddress>> resolve(const options::HostAndPort& host,
                                                           Clock::time_point deadline,
                                                           const Interrupt& interrupt);

}  // namespace nsq::net
