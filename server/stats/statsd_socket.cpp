#include "stats/statsd_socket.h"

#include <Poco/Net/SocketAddress.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "faults/exception_text.h"
#include "net/resolver.h"

namespace nsq::stats {

using Poco::Net::SocketAddress;

namespace {

/// How long looking up the daemon's name may take (chosen).
constexpr std::chrono::seconds kLookupTime{5};

}  // namespace

sdk::Result<StatsdSocket> StatsdSocket::open(const options::HostAndPort& address,
                                             const net::Interrupt& interrupt) {
    const auto found = net::resolve(address, sdk::Clock::now() + kLookupTime, interrupt);
    if (!found) return found.error();
    // Nobody says over UDP which address the daemon listens on: mostly it is the one of IPv4.
    const auto& all = found.value();
    const auto ipv4 = std::ranges::find(all, SocketAddress::IPv4, &SocketAddress::family);
    try {
        StatsdSocket opened;
        opened.socket_.connect(ipv4 == all.end() ? all.front() : *ipv4);
        return opened;
    } catch (...) {
        return sdk::Error{sdk::ErrorCode::kInvalid, faults::exceptionText()};
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
