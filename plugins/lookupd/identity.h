#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "nsq/sdk/result.h"

namespace nsq::lookupd {

/// What an nsqd says of itself with IDENTIFY, and where it was seen.
struct Identity {
    std::string remoteAddress;  ///< of its connection
    std::string hostname;
    std::string broadcastAddress;
    std::int64_t tcpPort = 0;
    std::int64_t httpPort = 0;
    std::string version;
    bool tlsV1 = false;  ///< it asks for TLS: beyond nsqlookupd, so any other type than a boolean is no error

    /// nsqlookupd wants them all.
    bool isComplete() const {
        return !broadcastAddress.empty() && tcpPort != 0 && httpPort != 0 && !version.empty();
    }
};

/// Reads the body of IDENTIFY as nsqlookupd does: unknown fields are ignored, names match in any case, null
/// leaves a field as it is, another type is an error. Other than there, text that is not UTF-8, also once it
/// is unescaped, a number beyond 64 bits and deep nesting are errors as well, and of a field given twice the
/// last counts. The error's text is for the log. THREAD: any.
sdk::Result<Identity> decodeIdentity(std::string_view json);

}  // namespace nsq::lookupd
