#include "stats/statsd_socket.h"

#include <Poco/Net/SocketAddress.h>
#include <resolv.h>

#include <cerrno>
#include <cstring>

#include "net/exception_text.h"

namespace nsq::stats {

namespace {

/// How long a name server may take (chosen, seconds), since nothing can interrupt it: the server's stop waits
/// for it. Holds for this thread only.
constexpr int kLookupSeconds = 1;

void boundLookups() {
    if (res_init() != 0) return;
    _res.retrans = kLookupSeconds;
    _res.retry = 1;
}

}  // namespace

sdk::Result<StatsdSocket> StatsdSocket::open(const std::string& address) {
    thread_local const bool kBounded = (boundLookups(), true);
    static_cast<void>(kBounded);
    try {
        StatsdSocket opened;
        opened.socket_.connect(Poco::Net::SocketAddress{address});
        return opened;
    } catch (...) {
        return sdk::Error{sdk::ErrorCode::kInvalid, net::exceptionText()};
    }
}

sdk::Result<void> StatsdSocket::send(std::string_view packet) {
    // Not through Poco, which would throw for each packet while nobody listens.
    const auto sent =
        ::send(socket_.impl()->sockfd(), packet.data(), packet.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0) return sdk::Error{sdk::ErrorCode::kInvalid, std::strerror(errno)};
    return {};
}

}  // namespace nsq::stats
