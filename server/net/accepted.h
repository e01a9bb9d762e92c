#pragma once

#include <chrono>
#include <string>

#include "net/fd.h"
#include "net/session_opener.h"

namespace nsq::net {

/// A connection on its way from a listener to a loop.
struct Accepted {
    Fd socket;                  ///< non-blocking
    std::string remoteAddress;  ///< as Connection::remoteAddress gives it
    SessionOpener& opener;
    ConnectionKind kind;
    Transport transport;
    std::chrono::milliseconds firstBytesTimeout;  ///< for SessionOpener::bytesNeeded bytes to come; with TLS,
                                                  ///< from the handshake's end on
};

}  // namespace nsq::net
