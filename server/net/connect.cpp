#include "net/connect.h"

#include <spdlog/fmt/fmt.h>

#include <system_error>

#include "net/resolver.h"

namespace nsq::net {

using Poco::Net::SocketAddress;
using Poco::Net::StreamSocket;
using sdk::Error;
using sdk::ErrorCode;
using sdk::Result;

namespace {

Error failure(const SocketAddress& address, std::string_view why) {
    return {ErrorCode::kInvalid, fmt::format("connect to {}: {}", address.toString(), why)};
}

Result<StreamSocket> connectTo(const SocketAddress& address, Clock::time_point deadline,
                               const Interrupt& interrupt) {
    StreamSocket socket;
    try {
        socket.connectNB(address);
    } catch (const Poco::Exception& error) {
        return failure(
            address, error.code() != 0 ? std::generic_category().message(error.code()) : error.displayText());
    }
    switch (interrupt.wait(socket.impl()->sockfd(), POLLOUT, deadline)) {
        case Interrupt::Waited::kTimeout:
            return failure(address, "timed out");
        case Interrupt::Waited::kInterrupted:
            return failure(address, "stopped");
        case Interrupt::Waited::kReady:
            break;
    }
    if (const int error = socket.impl()->socketError(); error != 0)
        return failure(address, std::generic_category().message(error));
    socket.setNoDelay(true);
    return socket;
}

}  // namespace

Result<StreamSocket> connectTo(std::span<const SocketAddress> addresses, Clock::time_point deadline,
                               const Interrupt& interrupt) {
    Result<StreamSocket> socket = Error{ErrorCode::kInvalid, "no address"};
    auto left = static_cast<int>(addresses.size());
    for (const SocketAddress& address : addresses) {
        // An address that does not answer leaves time for the others.
        const Clock::time_point now = Clock::now();
        socket = connectTo(address, now + (deadline - now) / left--, interrupt);
        if (socket || interrupt.raised()) break;
    }
    return socket;
}

Result<StreamSocket> connectTo(const options::HostAndPort& host, Clock::time_point deadline,
                               const Interrupt& interrupt) {
    const auto addresses = resolve(host, deadline, interrupt);
    if (!addresses) return addresses.error();
    return connectTo(addresses.value(), deadline, interrupt);
}

}  // namespace nsq::net
