#pragma once

#include <Poco/Net/DatagramSocket.h>

#include <string>
#include <string_view>

#include "nsq/sdk/result.h"

namespace nsq::stats {

/// A UDP socket to a daemon. THREAD: one, which it may block for a few seconds to look up a name.
class StatsdSocket {
public:
    /// `address` is host:port. kInvalid: it cannot be found, or not be sent to; the text says why.
    static sdk::Result<StatsdSocket> open(const std::string& address);

    /// One packet; never blocks. kInvalid: this one, or one before, was not taken.
    sdk::Result<void> send(std::string_view packet);

private:
    StatsdSocket() = default;

    Poco::Net::DatagramSocket socket_;
};

}  // namespace nsq::stats
