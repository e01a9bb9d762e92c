#pragma once

#include <Poco/Net/DatagramSocket.h>

#include <string_view>

#include "net/interrupt.h"
#include "nsq/sdk/result.h"
#include "options/address.h"

namespace nsq::stats {

/// A UDP socket to a daemon. THREAD: one, which it may block for some seconds to look up a name.
class StatsdSocket {
public:
    /// kInvalid: the address cannot be found, or not be sent to, or it was interrupted; the text says why.
    static sdk::Result<StatsdSocket> open(const options::HostAndPort& address,
                                          const net::Interrupt& interrupt);

    /// One packet; never blocks. kInvalid: this one, or one before, was not taken.
    sdk::Result<void> send(std::string_view packet);

private:
    StatsdSocket() = default;

    Poco::Net::DatagramSocket socket_;
};

}  // namespace nsq::stats
