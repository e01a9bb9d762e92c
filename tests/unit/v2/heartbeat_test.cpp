#include <catch2/catch.hpp>

#include "v2_client.h"

namespace nsq::v2 {

using namespace std::chrono_literals;

namespace {

const Lines kHeartbeat{"_heartbeat_"};

/// What the server says when it is next due to do something; nothing if that is not within `time`.
Lines after(Client& client, std::chrono::milliseconds time) {
    client.passTime(time);
    return client.idle();
}

void identify(Client& client, int interval) {
    client.send(identifyCommand("{\"heartbeat_interval\":" + std::to_string(interval) + "}"));
}

}  // namespace

TEST_CASE("A silent client gets one heartbeat and is closed after two intervals") {
    sdk::testing::FakeHost host;
    Client client{host};
    const bool identified = GENERATE(false, true);
    if (identified) identify(client, 1000);
    const auto interval = identified ? 1000ms : 30'000ms;
    CHECK(after(client, interval - 1ms).empty());
    CHECK(after(client, 1ms) == kHeartbeat);
    CHECK(after(client, interval - 1ms).empty());
    CHECK(!client.connection.closed());
    CHECK(after(client, 1ms).empty());
    CHECK(client.connection.closed());
    CHECK(host.logged().find("error [192.0.2.1:50000] - nothing was read") != std::string::npos);
}

TEST_CASE("A client that answers heartbeats stays") {
    sdk::testing::FakeHost host;
    Client client{host};
    identify(client, 1000);
    for (int i = 0; i < 10; ++i) {
        CHECK(after(client, 1000ms) == kHeartbeat);
        client.passTime(999ms);
        CHECK(client.send("NOP\n").empty());
        CHECK(after(client, 1ms) == kHeartbeat);
        CHECK(client.send("NOP\n").empty());
    }
    CHECK(!client.connection.closed());
}

TEST_CASE("Reading does not move the timer") {
    sdk::testing::FakeHost host;
    Client client{host};
    const auto before = client.connection.timer();
    REQUIRE(before.has_value());
    client.passTime(10ms);
    client.send("NOP\n");
    CHECK(client.connection.timer() == before);
}

TEST_CASE("Bytes of an unfinished command are a sign of life") {
    sdk::testing::FakeHost host;
    Client client{host};
    identify(client, 1000);
    client.send("PUB t\n" + int32(100));
    for (int i = 0; i < 10; ++i) {
        client.passTime(900ms);
        client.send("x");
    }
    CHECK(!client.connection.closed());
}

TEST_CASE("Heartbeats can be off") {
    sdk::testing::FakeHost host;
    Client client{host};
    identify(client, -1);
    CHECK(!client.connection.timer().has_value());
    CHECK(after(client, 24h).empty());
    CHECK(!client.connection.closed());
    identify(client, 2000);
    CHECK(after(client, 2000ms) == kHeartbeat);
}

TEST_CASE("A consumer that does not read gets no heartbeats and is closed at its deadline") {
    sdk::testing::FakeHost host;
    Client client{host};
    identify(client, 1000);
    client.send("SUB t c\nMPUB t\n" + mpubBody(Lines(100, std::string(1000, 'x'))));
    client.connection.setRoom(5000);
    client.connection.holdOutput(true);
    client.send("RDY 100\n");
    const std::size_t full = client.connection.output().size();
    CHECK(full >= 5000);
    after(client, 1000ms);
    CHECK(client.connection.output().size() == full);
    CHECK(!client.connection.closed());
    after(client, 1000ms);
    CHECK(client.connection.closed());
}

TEST_CASE("A heartbeat that found no room comes when there is room again") {
    sdk::testing::FakeHost host;
    Client client{host};
    identify(client, 1000);
    client.send("SUB t c\nMPUB t\n" + mpubBody({std::string(5000, 'x')}));
    client.connection.setRoom(5000);
    client.connection.holdOutput(true);
    client.send("RDY 1\n");
    CHECK(after(client, 1000ms).empty());
    client.connection.holdOutput(false);
    const Lines late = client.idle();
    REQUIRE(late.size() == 2);
    CHECK(late[1] == kHeartbeat[0]);
    CHECK(client.idle().empty());
    client.passTime(500ms);
    CHECK(client.send("NOP\n").empty());
    CHECK(after(client, 500ms) == kHeartbeat);
    CHECK(!client.connection.closed());
}

TEST_CASE("A consumer that sends but does not read is closed after one interval without progress") {
    sdk::testing::FakeHost host;
    Client client{host};
    identify(client, 1000);
    client.send("SUB t c\nMPUB t\n" + mpubBody(Lines(100, std::string(1000, 'x'))));
    client.connection.setRoom(5000);
    client.connection.holdOutput(true);
    client.send("RDY 100\n");
    for (int i = 0; i < 2; ++i) {
        CHECK(!client.connection.closed());
        client.passTime(999ms);
        client.send("NOP\n");
        after(client, 1ms);
    }
    CHECK(client.connection.closed());
    CHECK(host.logged().find("no output was taken for a heartbeat interval of 1000 ms") != std::string::npos);
}

TEST_CASE("A heartbeat does not wait for publishes") {
    sdk::testing::FakeHost host;
    Client client{host};
    identify(client, 1000);
    host.fakeBroker.holdOutcomes(true);
    CHECK(client.send("PUB t\n" + sized("a") + "FOO\n").empty());
    CHECK(after(client, 1000ms) == kHeartbeat);
}

}  // namespace nsq::v2
