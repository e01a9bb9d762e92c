// Answers come in the order of their commands, also when a publish is not committed at once.

#include <catch2/catch.hpp>

#include "v2_client.h"

namespace nsq::v2 {

namespace {

const std::string kPub = "PUB t\n" + sized("a");
const std::string kId = "0123456789abcdef";

}  // namespace

TEST_CASE("Publishes are pipelined and answered when they are committed") {
    sdk::testing::FakeHost host;
    Client client{host};
    host.fakeBroker.holdOutcomes(true);
    CHECK(client.send(kPub + kPub + "MPUB t\n" + mpubBody({"b", "c"}) + kPub).empty());
    CHECK(host.fakeBroker.published("t").size() == 5);
    CHECK(client.connection.pending() == 0);
    host.fakeBroker.releaseOutcomes(3);
    CHECK(client.idle() == Lines{"OK", "OK", "OK"});
    host.fakeBroker.releaseOutcomes();
    CHECK(client.idle() == Lines{"OK"});
}

TEST_CASE("A command with an answer waits for those of the publishes before it") {
    const auto& [command, answer] = GENERATE(
        table<std::string, std::string>({{identifyCommand("{}"), "OK"},
                                         {"SUB t c\n", "OK"},
                                         {"AUTH\n" + sized("x"), "!E_AUTH_DISABLED AUTH disabled"},
                                         {"FOO\n", "!E_INVALID invalid command FOO"},
                                         {"CLS\n", "!E_INVALID cannot CLS in current state"},
                                         {"PUB $\n", "!E_BAD_TOPIC PUB topic name \"$\" is not valid"},
                                         {"RDY 1\n", "!E_INVALID cannot RDY in current state"},
                                         {std::string(20000, 'x'), "!E_INVALID command line too long"}}));
    CAPTURE(command);
    sdk::testing::FakeHost host;
    Client client{host};
    host.fakeBroker.holdOutcomes(true);
    CHECK(client.send(kPub + kPub + command).empty());
    host.fakeBroker.releaseOutcomes(1);
    CHECK(client.idle() == Lines{"OK"});
    CHECK(!client.connection.closed());
    host.fakeBroker.releaseOutcomes();
    CHECK(client.idle() == Lines{"OK", answer});
    CHECK(client.connection.closed() == answer.starts_with('!'));
}

TEST_CASE("A failing FIN, REQ or TOUCH is answered in its turn, and done once") {
    const std::string command = GENERATE("FIN ", "REQ ", "TOUCH ");
    const std::string line = command + kId + (command == "REQ " ? " 0\n" : "\n");
    const std::string name = command.substr(0, command.size() - 1);
    const std::string failure = "!E_" + name + "_FAILED " + name + " " + kId + " failed ID not in flight";
    sdk::testing::FakeHost host;
    Client client{host};
    client.send("SUB t c\n");
    host.fakeBroker.holdOutcomes(true);
    CHECK(client.send(kPub + line + line + kPub).empty());
    host.fakeBroker.releaseOutcomes();
    const Lines first = client.idle();
    host.fakeBroker.releaseOutcomes();
    Lines all = first;
    for (const std::string& answer : client.idle()) all.push_back(answer);
    CHECK(all == Lines{"OK", failure, failure, "OK"});
}

TEST_CASE("Commands without answers do not wait for publishes") {
    sdk::testing::FakeHost host;
    Client client{host};
    client.send("SUB t c\nRDY 1\n" + kPub);
    host.fakeBroker.holdOutcomes(true);
    client.connection.exchange(kPub);
    const std::vector<sdk::testing::Frame> none = sdk::testing::splitFrames(client.connection.sent());
    CHECK(none.empty());
    sdk::testing::FakeChannel& channel = *host.fakeBroker.channel("t", "c");
    REQUIRE(channel.inFlight.size() == 1);
    const auto id = sdk::MessageId{channel.inFlight.begin()->first}.text();
    CHECK(client.send("NOP\nFIN " + std::string{id.data(), id.size()} + "\nRDY 2\n") == Lines{"#1 a"});
    CHECK(client.stats().finishCount == 1);
}

TEST_CASE("The error of a failed publish takes the place of everything after it") {
    sdk::testing::FakeHost host;
    Client client{host};
    host.fakeBroker.holdOutcomes(true);
    host.fakeBroker.failOutcome({sdk::ErrorCode::kStorage, "disk full"}, 1);
    client.send(kPub + kPub + kPub + "FOO\n");
    host.fakeBroker.releaseOutcomes();
    CHECK(client.idle() == Lines{"OK", "!E_PUB_FAILED PUB failed disk full"});
    CHECK(client.connection.closed());
    CHECK(host.logged().find("error [192.0.2.1:50000] - E_PUB_FAILED PUB failed disk full") !=
          std::string::npos);
}

TEST_CASE("A client may have only so many publishes without outcomes") {
    constexpr std::size_t kMost = 65536;
    sdk::testing::FakeHost host;
    Client client{host};
    host.fakeBroker.holdOutcomes(true);
    std::string input;
    for (std::size_t i = 0; i < kMost + 2; ++i) input += kPub;
    CHECK(client.send(input + "MPUB t\n" + mpubBody({"b"})).empty());
    CHECK(host.fakeBroker.published("t").size() == kMost);
    host.fakeBroker.releaseOutcomes();
    CHECK(client.idle().size() == kMost);
    CHECK(host.fakeBroker.published("t").size() == kMost + 3);
    host.fakeBroker.releaseOutcomes();
    CHECK(client.idle() == Lines{"OK", "OK", "OK"});
}

TEST_CASE("A client that ends its side still gets its answers") {
    sdk::testing::FakeHost host;
    Client client{host};
    CHECK(!client.connection.endInput());
    host.fakeBroker.holdOutcomes(true);
    const std::string rest = GENERATE(std::string{}, identifyCommand("{}"), std::string{"PUB t\n"});
    client.send(kPub + rest);
    CHECK(client.connection.endInput());
    host.fakeBroker.releaseOutcomes();
    const Lines expected = rest.starts_with("IDENTIFY") ? Lines{"OK", "OK"} : Lines{"OK"};
    CHECK(client.idle() == expected);
    CHECK(client.connection.closed());
}

TEST_CASE("A client that does not take its answers is not read on") {
    sdk::testing::FakeHost host;
    Client client{host};
    client.connection.setRoom(100);
    client.connection.holdOutput(true);
    std::string input;
    for (int i = 0; i < 11; ++i) CHECK(client.send(kPub).empty());
    CHECK(client.send(kPub + identifyCommand("{}")).empty());
    CHECK(host.fakeBroker.published("t").size() <= 11);
    CHECK(client.connection.output().size() <= 120);
    client.connection.holdOutput(false);
    CHECK(client.idle().size() == 13);
    CHECK(host.fakeBroker.published("t").size() == 12);
    CHECK(client.connection.pending() == 0);
}

TEST_CASE("Failing FINs of a client that does not read do not fill the memory") {
    sdk::testing::FakeHost host;
    Client client{host};
    client.send("SUB t c\n");
    client.connection.setRoom(1000);
    client.connection.holdOutput(true);
    for (int i = 0; i < 1000; ++i) client.send("FIN " + kId + "\n");
    CHECK(client.connection.output().size() < 1100);
    CHECK(client.connection.pending() > 900 * 20);
    client.connection.holdOutput(false);
    client.idle();
    CHECK(client.connection.pending() == 0);
}

}  // namespace nsq::v2
