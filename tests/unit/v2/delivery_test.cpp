// Messages on their way to a consumer and back.

#include <catch2/catch.hpp>

#include "v2_client.h"

namespace nsq::v2 {

using std::chrono::milliseconds;

namespace {

std::string publishAll(const Lines& bodies) {
    std::string commands;
    for (const std::string& body : bodies) commands += "PUB t\n" + sized(body);
    return commands;
}

/// The ids of what the client gets in this turn.
Lines idsOf(Client& client) {
    client.connection.endTurn();
    return messageIds(client.connection.sent());
}

}  // namespace

TEST_CASE("RDY bounds what is in flight") {
    sdk::testing::FakeHost host;
    Client client{host};
    CHECK(client.send("SUB t c\n" + publishAll({"a", "b", "c", "d"})) == Lines{"OK", "OK", "OK", "OK", "OK"});
    CHECK(client.send("RDY 2\n") == Lines{"#1 a", "#1 b"});
    CHECK(client.idle().empty());
    CHECK(client.send("RDY 3\n") == Lines{"#1 c"});
    CHECK(client.stats().readyCount == 3);
    CHECK(client.stats().inFlightCount == 3);
    CHECK(client.stats().messageCount == 3);
    CHECK(client.send("RDY 0\n").empty());
    CHECK(client.stats().readyCount == 0);
}

TEST_CASE("FIN makes room for the next message") {
    sdk::testing::FakeHost host;
    Client client{host};
    client.send("SUB t c\n" + publishAll({"a", "b", "c"}));
    client.connection.receive("RDY 2\n");
    const Lines ids = idsOf(client);
    REQUIRE(ids.size() == 2);
    const std::string end = GENERATE("\n", "\r\n", " extra\n");
    CHECK(client.send("FIN " + ids[0] + end + "FIN " + ids[1] + end) == Lines{"#1 c"});
    CHECK(client.stats().finishCount == 2);
    CHECK(client.stats().inFlightCount == 1);
    CHECK(host.fakeBroker.channel("t", "c")->counters.finishCount == 2);
}

TEST_CASE("A message is finished once") {
    sdk::testing::FakeHost host;
    Client client{host};
    client.send("SUB t c\n" + publishAll({"a", "b"}));
    client.connection.receive("RDY 2\n");
    const Lines ids = idsOf(client);
    REQUIRE(ids.size() == 2);
    CHECK(client.send("FIN " + ids[0] + "\nFIN " + ids[0] + "\nFIN " + ids[1] + "\n") ==
          Lines{"!E_FIN_FAILED FIN " + ids[0] + " failed ID not in flight"});
    CHECK(client.stats().finishCount == 2);
}

TEST_CASE("A message belongs to the client it went to") {
    sdk::testing::FakeHost host;
    Client owner{host};
    owner.send("SUB t c\n" + publishAll({"a"}));
    owner.connection.receive("RDY 1\n");
    const Lines ids = idsOf(owner);
    REQUIRE(ids.size() == 1);
    Client other{host};
    other.send("SUB t c\n");
    const std::string failure = " " + ids[0] + " failed client does not own message";
    CHECK(other.send("FIN " + ids[0] + "\nREQ " + ids[0] + " 0\nTOUCH " + ids[0] + "\n") ==
          Lines{"!E_FIN_FAILED FIN" + failure, "!E_REQ_FAILED REQ" + failure,
                "!E_TOUCH_FAILED TOUCH" + failure});
}

TEST_CASE("REQ gives a message back, at once or later") {
    sdk::testing::FakeHost host;
    Client client{host};
    client.send("SUB t c\n" + publishAll({"a"}));
    client.connection.receive("RDY 1\n");
    const Lines ids = idsOf(client);
    REQUIRE(ids.size() == 1);
    CHECK(client.send("REQ " + ids[0] + " 0\n") == Lines{"#2 a"});
    CHECK(client.send("REQ " + ids[0] + " 99999999999999999999999\n").empty());
    CHECK(client.stats().requeueCount == 2);
    CHECK(client.stats().inFlightCount == 0);
    const auto maxReqTimeout = host.limitValues.maxReqTimeout;
    host.fakeBroker.expire(client.loop.now() + maxReqTimeout - milliseconds{1});
    CHECK(client.idle().empty());
    host.fakeBroker.expire(client.loop.now() + maxReqTimeout);
    CHECK(client.idle() == Lines{"#3 a"});
}

TEST_CASE("TOUCH restarts the timeout the client asked for") {
    sdk::testing::FakeHost host;
    Client client{host};
    client.send(identifyCommand(R"({"msg_timeout":2000})") + "SUB t c\n" + publishAll({"a"}));
    client.connection.receive("RDY 1\n");
    const Lines ids = idsOf(client);
    REQUIRE(ids.size() == 1);
    client.passTime(milliseconds{1500});
    CHECK(client.send("TOUCH " + ids[0] + "\n").empty());
    host.fakeBroker.expire(client.loop.now() + milliseconds{1999});
    CHECK(client.stats().inFlightCount == 1);
    host.fakeBroker.expire(client.loop.now() + milliseconds{2000});
    CHECK(client.idle() == Lines{"#2 a"});
}

TEST_CASE("After CLS nothing comes, and what is in flight can be finished") {
    sdk::testing::FakeHost host;
    Client client{host};
    client.send("SUB t c\n" + publishAll({"a", "b", "c"}));
    client.connection.receive("RDY 2\n");
    const Lines ids = idsOf(client);
    REQUIRE(ids.size() == 2);
    CHECK(client.send("CLS\nRDY 10\n") == Lines{"CLOSE_WAIT"});
    CHECK(client.stats().state == sdk::ClientState::kClosing);
    CHECK(client.send("FIN " + ids[0] + "\nREQ " + ids[1] + " 0\n").empty());
    CHECK(client.stats().inFlightCount == 0);
    CHECK(client.stats().readyCount == 0);
    CHECK(host.fakeBroker.channel("t", "c")->waiting.size() == 2);
}

TEST_CASE("The sample rate goes to the broker") {
    sdk::testing::FakeHost host;
    Client client{host};
    client.send(identifyCommand(R"({"sample_rate":30})") + "SUB t c\nRDY 2500\n");
    client.send("MPUB t\n" + mpubBody(Lines(100, "x")));
    CHECK(client.stats().messageCount == 30);
}

TEST_CASE("A slow client is fed as it reads") {
    sdk::testing::FakeHost host;
    Client client{host};
    client.send("SUB t c\n");
    client.send("MPUB t\n" + mpubBody(Lines(100, std::string(1000, 'x'))));
    client.connection.setRoom(5000);
    client.connection.holdOutput(true);
    CHECK(client.send("RDY 100\n").empty());
    CHECK(client.connection.output().size() >= 4000);
    CHECK(client.connection.output().size() < 7000);
    client.connection.holdOutput(false);
    CHECK(client.idle().size() == 100);
}

TEST_CASE("A client whose channel is deleted is closed") {
    sdk::testing::FakeHost host;
    Client client{host};
    client.send("SUB t c\nRDY 1\n");
    const bool publishing = GENERATE(false, true);
    host.fakeBroker.holdOutcomes(publishing);
    if (publishing) client.send("PUB u\n" + sized("a"));
    REQUIRE(host.fakeBroker.deleteChannel("t", "c").ok());
    CHECK(client.idle().empty());
    CHECK(client.connection.closed() == !publishing);
    if (!publishing) return;
    host.fakeBroker.releaseOutcomes();
    CHECK(client.idle() == Lines{"OK"});
    CHECK(client.connection.closed());
}

TEST_CASE("A client that goes leaves its channel") {
    sdk::testing::FakeHost host;
    {
        Client client{host};
        client.send("SUB t#ephemeral c#ephemeral\nRDY 1\n" + std::string{"PUB t#ephemeral\n"} + sized("a"));
        REQUIRE(host.fakeBroker.channel("t#ephemeral", "c#ephemeral") != nullptr);
        CHECK(client.stats().topic == "t#ephemeral");
        CHECK(client.stats().channel == "c#ephemeral");
        CHECK(client.stats().state == sdk::ClientState::kSubscribed);
    }
    CHECK(!host.fakeBroker.hasTopic("t#ephemeral"));
}

TEST_CASE("Failed FINs of a client that does not read take bounded memory") {
    sdk::testing::FakeHost host;
    Client client{host};
    client.send("SUB t c\n");
    client.connection.setRoom(5000);
    constexpr std::size_t kFins = 20'000;
    constexpr std::size_t kBound = 5000 + 1024 * 100;
    std::string fins;
    for (std::size_t i = 0; i < kFins; ++i) fins += "FIN 0123456789abcdef\n";
    SECTION("in the output") {
        client.connection.holdOutput(true);
        client.send(fins);
        CHECK(client.connection.output().size() < kBound);
        client.connection.holdOutput(false);
        CHECK(client.idle().size() == kFins);
    }
    SECTION("behind a publish without outcome") {
        host.fakeBroker.holdOutcomes(true);
        client.send("PUB t\n" + sized("a") + fins);
        CHECK(client.connection.pending() > fins.size() / 2);
        host.fakeBroker.releaseOutcomes();
        CHECK(client.idle().size() == kFins + 1);
    }
}

TEST_CASE("Message bodies do not go to the log") {
    sdk::testing::FakeHost host;
    Client client{host};
    client.send("SUB t c\nRDY 5\n" + publishAll({"secret-body"}) + "MPUB t\n" + mpubBody({"secret-body"}));
    client.send("DPUB t 0\n" + sized("secret-body") + "FIN 0123456789abcdef\n" + "FOO\n");
    CHECK(host.logged().find("secret-body") == std::string::npos);
    CHECK(host.logged().find("error [192.0.2.1:50000] - E_INVALID invalid command FOO") != std::string::npos);
    CHECK(host.logged().find("debug [192.0.2.1:50000] - E_FIN_FAILED") != std::string::npos);
}

}  // namespace nsq::v2
