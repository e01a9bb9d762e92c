#pragma once

#include <chrono>
#include <string>

#include "net/connection_limit.h"
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
    ConnectionPlace place{};                      ///< empty: it does not count
    bool isUnix = false;                          ///< the client's address has no host
};

}  // namespace nsq::net
