#include "stats/statsd_loop.h"

#include <Poco/Net/DatagramSocket.h>
#include <Poco/Net/SocketAddress.h>
#include <spdlog/sinks/ringbuffer_sink.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <set>

#include "nsq/sdk/testing/fake_broker.h"
#include "stats/statsd_socket.h"

namespace nsq::test {
namespace {

using namespace std::chrono_literals;
using Poco::Net::DatagramSocket;
using Poco::Net::SocketAddress;

/// A statsd daemon.
class Daemon {
public:
    explicit Daemon(const SocketAddress& address = SocketAddress{"127.0.0.1", 0}) {
        socket_.bind(address);
        socket_.setReceiveTimeout(Poco::Timespan{20, 0});
    }

    SocketAddress address() const { return socket_.address(); }

    /// The next packet. Throws when none comes.
    std::string receive() {
        std::string packet(70'000, '\0');
        packet.resize(
            static_cast<std::size_t>(socket_.receiveBytes(packet.data(), static_cast<int>(packet.size()))));
        return packet;
    }

private:
    DatagramSocket socket_;
};

class Log {
public:
    spdlog::logger& logger() { return logger_; }
    std::vector<std::string> lines() const { return sink_->last_formatted(); }

    /// Waits for the n-th line.
    std::string line(std::size_t n) const {
        const auto deadline = sdk::Clock::now() + 20s;
        while (lines().size() < n && sdk::Clock::now() < deadline) std::this_thread::yield();
        REQUIRE(lines().size() >= n);
        return lines()[n - 1];
    }

private:
    std::shared_ptr<spdlog::sinks::ringbuffer_sink_mt> sink_ =
        std::make_shared<spdlog::sinks::ringbuffer_sink_mt>(100);
    spdlog::logger logger_{"test", sink_};
};

stats::StatsdSettings to(const SocketAddress& address) {
    stats::StatsdSettings settings;
    settings.address = address.toString();
    settings.interval = 20ms;
    settings.prefix = "p.";
    settings.packetSize = 1;
    return settings;
}

std::string nameIn(const std::string& packet) {
    return packet.substr(0, packet.find(':'));
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

TEST_CASE("each interval all lines are sent, in order", "[stats]") {
    sdk::testing::FakeBroker broker;
    REQUIRE(broker.createTopic("t"));
    REQUIRE(broker.createChannel("t", "c"));
    Daemon daemon;
    Log log;
    stats::StatsdLoop loop{to(daemon.address()), broker, log.logger()};
    std::vector<std::string> names;
    for (int i = 0; i < 3 * 21; ++i) names.push_back(nameIn(daemon.receive()));
    const std::vector<std::string> first{names.begin(), names.begin() + 21};
    CHECK(first.front() == "p.topic.t.message_count");
    CHECK(first.at(4) == "p.topic.t.channel.c.message_count");
    CHECK(first.at(12) == "p.mem.heap_objects");
    CHECK(first.back() == "p.mem.gc_runs");
    CHECK(std::set<std::string>{first.begin(), first.end()}.size() == 21);
    CHECK(std::vector<std::string>{names.begin() + 21, names.begin() + 42} == first);
    CHECK(std::vector<std::string>{names.begin() + 42, names.end()} == first);
    CHECK(log.lines().empty());
}

TEST_CASE("memory can be left out, and the size of packets is kept", "[stats]") {
    sdk::testing::FakeBroker broker;
    for (int i = 0; i < 20; ++i) REQUIRE(broker.createTopic("topic" + std::to_string(i)));
    Daemon daemon;
    Log log;
    auto settings = to(daemon.address());
    settings.packetSize = 200;
    settings.withMemory = false;
    stats::StatsdLoop loop{settings, broker, log.logger()};
    int lines = 0;
    int packets = 0;
    for (; lines < 2 * 80; ++packets) {
        const std::string packet = daemon.receive();
        CHECK(packet.size() <= 200);
        CHECK(packet.back() == '\n');
        CHECK_FALSE(contains(packet, ".mem."));
        lines += static_cast<int>(std::ranges::count(packet, '\n'));
    }
    CHECK(lines == 160);
    CHECK(packets < 60);
}

TEST_CASE("it stops at once, whatever it waits for", "[stats]") {
    sdk::testing::FakeBroker broker;
    Daemon daemon;
    Log log;
    auto settings = to(daemon.address());
    settings.interval = GENERATE(std::chrono::nanoseconds{1s}, std::chrono::nanoseconds{1h});
    stats::StatsdLoop loop{settings, broker, log.logger()};
    if (settings.interval < 1h) daemon.receive();  // the next packet comes 100 ms later
    const auto before = sdk::Clock::now();
    loop.stop();
    CHECK(sdk::Clock::now() - before < 10s);
    CHECK(log.lines().empty());
}

TEST_CASE("what is wrong is told when it begins and when it ends", "[stats]") {
    sdk::testing::FakeBroker broker;
    auto daemon = std::make_unique<Daemon>();
    const SocketAddress address = daemon->address();
    Log log;
    stats::StatsdLoop loop{to(address), broker, log.logger()};
    daemon->receive();
    daemon.reset();
    CHECK(contains(log.line(1), "STATSD: cannot send to " + address.toString() + ": Connection refused"));
    daemon = std::make_unique<Daemon>(address);
    daemon->receive();
    CHECK(contains(log.line(2), "STATSD: can send to " + address.toString() + " again"));
    daemon.reset();
    CHECK(contains(log.line(3), "STATSD: cannot send to"));
    loop.stop();
    CHECK(log.lines().size() == 3);
}

TEST_CASE("an address that cannot be found is told once, and tried again", "[stats]") {
    CHECK_FALSE(stats::StatsdSocket::open({"no-such-host.invalid", 8125}, net::Interrupt{}));
    sdk::testing::FakeBroker broker;
    Log log;
    auto settings = to(SocketAddress{"127.0.0.1", 1});
    settings.address = "no-such-host.invalid:8125";
    stats::StatsdLoop loop{settings, broker, log.logger()};
    CHECK(contains(log.line(1), "STATSD: cannot send to no-such-host.invalid:8125: "));
}

}  // namespace
}  // namespace nsq::test
