#pragma once

#include "net/filter_chain.h"
#include "net/work_list.h"

namespace nsq::net {

/// What a connection with filters has beyond one without.
struct ConnectionFilters {
    explicit ConnectionFilters(SocketConnection& connection) : decoding(connection) {}

    FilterChain chain;
    bool isHandshaking = false;  ///< as far as the connection has taken notice
    bool added = false;          ///< the session has started a filter within the call that is under way
    bool snappy = false;         ///< for the statistics
    bool deflate = false;        ///< for the statistics
    WorkHook decoding;
};

}  // namespace nsq::net
