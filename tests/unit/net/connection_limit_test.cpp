#include "net/connection_limit.h"

#include <catch2/catch.hpp>
#include <optional>
#include <string>
#include <vector>

#include "client.h"
#include "fixture.h"

namespace nsq::net::test {

namespace {

using namespace std::chrono_literals;

/// What the log has, joined.
class Log {
public:
    std::size_t lines() const { return sink_->last_raw().size(); }
    std::string last() const { return sink_->last_formatted().back(); }

private:
    std::shared_ptr<spdlog::sinks::ringbuffer_sink_mt> sink_ =
        std::make_shared<spdlog::sinks::ringbuffer_sink_mt>(100);

public:
    spdlog::logger logger{"test", sink_};
};

const std::string kRefusal{"\0\0\0\x4a\0\0\0\1E_TOO_MANY_CONNECTIONS", 30};

}  // namespace

TEST_CASE("places are given back when they are destroyed") {
    Log log;
    ConnectionLimit limit{2, log.logger};
    const sdk::Clock::time_point now{};
    ConnectionPlace first = limit.admit(now);
    const ConnectionPlace second = limit.admit(now);
    REQUIRE(first);
    REQUIRE(second);
    CHECK_FALSE(limit.admit(now));
    ConnectionPlace moved = std::move(first);
    first = ConnectionPlace{};
    CHECK_FALSE(limit.admit(now));
    moved = ConnectionPlace{};
    CHECK(limit.admit(now));
}

TEST_CASE("the log tells of refusals once, and how many there were when they are over") {
    Log log;
    ConnectionLimit limit{1, log.logger};
    sdk::Clock::time_point now{};
    ConnectionPlace place = limit.admit(now);
    for (int i = 0; i < 5; ++i) CHECK_FALSE(limit.admit(now += 1s));
    REQUIRE(log.lines() == 1);
    CHECK(log.last().find("there are 1, all that --max-connections allows") != std::string::npos);
    place = ConnectionPlace{};
    place = limit.admit(now += 1s);
    CHECK_FALSE(limit.admit(now += 1s));
    CHECK(log.lines() == 1);
    place = ConnectionPlace{};
    place = limit.admit(now += ConnectionLimit::kOverAfter);
    REQUIRE(log.lines() == 2);
    CHECK(log.last().find("6 connections were refused") != std::string::npos);
    CHECK_FALSE(limit.admit(now));
    CHECK(log.lines() == 3);
}

TEST_CASE("a listener with a limit answers those it does not serve") {
    Log log;
    ConnectionLimit limit{2, log.logger};
    ScriptedOpener opener(echo, 4);
    LoopGroup loops(1, log.logger);
    Poco::Net::ServerSocket socket{Poco::Net::SocketAddress("127.0.0.1", 0)};
    Listener listener(socket, loops, opener, ConnectionKind::kProtocol, log.logger, kPatience, &limit);
    loops.start();
    listener.start();
    const int port = listener.port();
    Client silent(port);  // counts before it has said anything
    std::optional<Client> served{port};
    REQUIRE(served->send("  V2"));
    REQUIRE(served->receive(4) == "  V2");
    Client refused(port);
    REQUIRE(refused.send("  V2"));
    CHECK(refused.receiveAll().substr(0, kRefusal.size()) == kRefusal);
    served.reset();
    // The place is free once the loop has seen the end.
    const auto deadline = sdk::Clock::now() + kPatience;
    std::string answer;
    while (answer != "  V2") {
        REQUIRE(sdk::Clock::now() < deadline);
        Client next(port);
        REQUIRE(next.send("  V2"));
        answer = next.receive(4);
    }
    listener.stop();
    loops.stop();
}

}  // namespace nsq::net::test
