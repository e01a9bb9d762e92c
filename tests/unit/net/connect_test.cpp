#include "net/connect.h"

#include <Poco/Net/ServerSocket.h>

#include <catch2/catch.hpp>
#include <list>

namespace nsq::net {
namespace {

using namespace std::chrono_literals;
using Poco::Net::ServerSocket;
using Poco::Net::SocketAddress;
using Poco::Net::StreamSocket;

/// Somebody whom nobody can connect to: nothing is refused, and nothing answers.
class Dead {
public:
    Dead() {
        socket_.bind(SocketAddress{"127.0.0.1", 0});
        socket_.listen(1);
        // The kernel answers no further ones when those that nobody accepts are too many.
        for (int i = 0; i < 4; ++i) waiting_.emplace_back().connectNB(address());
    }

    SocketAddress address() const { return socket_.address(); }

private:
    ServerSocket socket_;
    std::list<StreamSocket> waiting_;
};

TEST_CASE("an address that does not answer leaves time for the next", "[net]") {
    const Dead dead;
    const ServerSocket good{SocketAddress{"127.0.0.1", 0}};
    const Interrupt interrupt;
    const std::vector<SocketAddress> addresses{dead.address(), good.address()};
    const Clock::time_point deadline = Clock::now() + 1s;
    const auto socket = connectTo(addresses, deadline, interrupt);
    REQUIRE(socket);
    CHECK(Clock::now() < deadline);
    CHECK(socket.value().peerAddress() == good.address());
}

TEST_CASE("the last address is the reason when none answers", "[net]") {
    const Dead dead;
    Interrupt interrupt;
    const std::vector<SocketAddress> addresses{SocketAddress{"127.0.0.1", 1}, dead.address()};
    const auto socket = connectTo(addresses, Clock::now() + 20ms, interrupt);
    REQUIRE_FALSE(socket);
    CHECK(socket.error().text == "connect to " + dead.address().toString() + ": timed out");
    interrupt.raise();
    const auto stopped = connectTo(addresses, Clock::time_point::max(), interrupt);
    REQUIRE_FALSE(stopped);
    CHECK(stopped.error().text.ends_with(": stopped"));
}

}  // namespace
}  // namespace nsq::net
