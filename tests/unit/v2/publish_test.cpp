// Each answer of PUB, MPUB and DPUB. The texts are nsqd 1.3.0's, taken from a running one.

#include <catch2/catch.hpp>

#include "conversation.h"
#include "v2_client.h"

namespace nsq::v2 {

namespace {

const std::string kLong(65, 'a');

const std::vector<Conversation> kPub{
    {"body", "PUB t\n" + sized("hi"), {"OK"}},
    {"carriage return", "PUB t\r\n" + sized("hi"), {"OK"}},
    {"more parameters", "PUB t x y z\n" + sized("hi"), {"OK"}},
    {"space at the end", "PUB t \n" + sized("hi"), {"OK"}},
    {"ephemeral", "PUB t#ephemeral\n" + sized("hi"), {"OK"}},
    {"several",
     "PUB t\n" + sized("a") + "PUB u\n" + sized("\n\n") + "NOP\nPUB t\n" + sized("PUB"),
     {"OK", "OK", "OK"}},
    {"no topic", "PUB\n", {"!E_INVALID PUB insufficient number of parameters"}, true},
    {"empty topic", "PUB \n", {"!E_BAD_TOPIC PUB topic name \"\" is not valid"}, true},
    {"two spaces", "PUB  t\n" + sized("a"), {"!E_BAD_TOPIC PUB topic name \"\" is not valid"}, true},
    {"bad topic", "PUB t$1\n", {"!E_BAD_TOPIC PUB topic name \"t$1\" is not valid"}, true},
    {"long topic",
     "PUB " + kLong + "\n",
     {"!E_BAD_TOPIC PUB topic name \"" + kLong + "\" is not valid"},
     true},
    {"odd bytes",
     "PUB t\"\\\xff\x01\n",
     {"!E_BAD_TOPIC PUB topic name \"t\\\"\\\\\\xff\\x01\" is not valid"},
     true},
    {"two carriage returns", "PUB t\r\r\n", {"!E_BAD_TOPIC PUB topic name \"t\\r\" is not valid"}, true},
    {"size 0", "PUB t\n" + int32(0), {"!E_BAD_MESSAGE PUB invalid message body size 0"}, true},
    {"size -1", "PUB t\n" + int32(-1), {"!E_BAD_MESSAGE PUB invalid message body size -1"}, true},
    {"lowest size",
     "PUB t\n" + int32(INT32_MIN),
     {"!E_BAD_MESSAGE PUB invalid message body size -2147483648"},
     true},
    {"too big", "PUB t\n" + int32(1048577), {"!E_BAD_MESSAGE PUB message too big 1048577 > 1048576"}, true},
    {"highest size",
     "PUB t\n" + int32(INT32_MAX),
     {"!E_BAD_MESSAGE PUB message too big 2147483647 > 1048576"},
     true},
    {"unfinished", "PUB t\n" + int32(3) + "ab", {}},
    {"garbage after it",
     "PUB t\n" + sized("a") + "garbage\nNOP\n",
     {"OK", "!E_INVALID invalid command garbage"},
     true},
    {"nothing after an error",
     "PUB $\nPUB t\n" + sized("a"),
     {"!E_BAD_TOPIC PUB topic name \"$\" is not valid"},
     true},
};

const std::vector<Conversation> kDpub{
    {"body", "DPUB t 5\n" + sized("a"), {"OK"}},
    {"at once", "DPUB t 0\n" + sized("a"), {"OK"}},
    {"longest", "DPUB t 3600000\n" + sized("a"), {"OK"}},
    {"zeros before", "DPUB t 0005\n" + sized("a"), {"OK"}},
    {"empty time", "DPUB t \n" + sized("a"), {"OK"}},
    {"more parameters", "DPUB t 5 6 7\n" + sized("a"), {"OK"}},
    {"no parameters", "DPUB\n", {"!E_INVALID DPUB insufficient number of parameters"}, true},
    {"no time", "DPUB t\n", {"!E_INVALID DPUB insufficient number of parameters"}, true},
    {"bad topic", "DPUB $ x\n", {"!E_BAD_TOPIC DPUB topic name \"$\" is not valid"}, true},
    {"bad time", "DPUB t x\n", {"!E_INVALID DPUB could not parse timeout x"}, true},
    {"negative time", "DPUB t -1\n", {"!E_INVALID DPUB could not parse timeout -1"}, true},
    {"plus", "DPUB t +5\n", {"!E_INVALID DPUB could not parse timeout +5"}, true},
    {"hex", "DPUB t 0x5\n", {"!E_INVALID DPUB could not parse timeout 0x5"}, true},
    {"too long", "DPUB t 3600001\n", {"!E_INVALID DPUB timeout 3600001 out of range 0-3600000"}, true},
    {"2^64",
     "DPUB t 18446744073709551616\n",
     {"!E_INVALID DPUB timeout 18446744073709551616 out of range 0-3600000"},
     true},
    {"wraps in nanoseconds",
     "DPUB t 18446744073710\n",
     {"!E_INVALID DPUB timeout 18446744073710 out of range 0-3600000"},
     true},
    {"size 0", "DPUB t 5\n" + int32(0), {"!E_BAD_MESSAGE DPUB invalid message body size 0"}, true},
    {"size -2", "DPUB t 5\n" + int32(-2), {"!E_BAD_MESSAGE DPUB invalid message body size -2"}, true},
    {"too big",
     "DPUB t 5\n" + int32(2000000),
     {"!E_BAD_MESSAGE DPUB message too big 2000000 > 1048576"},
     true},
};

std::string mpub(std::int64_t size, std::int64_t count, const std::string& messages = "") {
    return "MPUB t\n" + int32(size) + int32(count) + messages;
}

const std::vector<Conversation> kMpub{
    {"two", "MPUB t\n" + mpubBody({"a", "bc"}), {"OK"}},
    {"two commands", "MPUB t\n" + mpubBody({"a", "bc"}) + "MPUB u\n" + mpubBody({"d"}), {"OK", "OK"}},
    {"no topic", "MPUB\n", {"!E_INVALID MPUB insufficient number of parameters"}, true},
    {"bad topic", "MPUB $\n", {"!E_BAD_TOPIC E_BAD_TOPIC MPUB topic name \"$\" is not valid"}, true},
    {"size 0", "MPUB t\n" + int32(0), {"!E_BAD_BODY MPUB invalid body size 0"}, true},
    {"size -5", "MPUB t\n" + int32(-5), {"!E_BAD_BODY MPUB invalid body size -5"}, true},
    {"too big", "MPUB t\n" + int32(5242881), {"!E_BAD_BODY MPUB body too big 5242881 > 5242880"}, true},
    {"count 0", mpub(4, 0), {"!E_BAD_BODY MPUB invalid message count 0"}, true},
    {"count -1", mpub(100, -1), {"!E_BAD_BODY MPUB invalid message count -1"}, true},
    {"count too high", mpub(100, 1048576), {"!E_BAD_BODY MPUB invalid message count 1048576"}, true},
    {"highest count",
     mpub(100, 1048575, int32(0)),
     {"!E_BAD_MESSAGE MPUB invalid message(0) body size 0"},
     true},
    {"second empty",
     mpub(17, 2, sized("a") + int32(0)),
     {"!E_BAD_MESSAGE MPUB invalid message(1) body size 0"},
     true},
    {"second negative",
     mpub(17, 2, sized("a") + int32(-7)),
     {"!E_BAD_MESSAGE MPUB invalid message(1) body size -7"},
     true},
    {"second too big",
     mpub(17, 2, sized("a") + int32(1048577)),
     {"!E_BAD_MESSAGE MPUB message too big 1048577 > 1048576"},
     true},
    {"fewer than announced", mpub(14, 3, sized("a") + sized("b")), {}},
    {"message longer than the body", mpub(12, 1, sized("more than the body")), {"OK"}},
    {"body size too low", mpub(1, 1, sized("a")), {"OK"}},
    {"body longer than its messages",
     mpub(20, 1, sized("a")) + "FOO\n",
     {"OK", "!E_INVALID invalid command FOO"},
     true},
};

}  // namespace

TEST_CASE("PUB answers as nsqd does") {
    for (const Conversation& conversation : kPub) check(conversation);
}

TEST_CASE("DPUB answers as nsqd does") {
    for (const Conversation& conversation : kDpub) check(conversation);
}

TEST_CASE("MPUB answers as nsqd does") {
    for (const Conversation& conversation : kMpub) check(conversation);
}

TEST_CASE("MPUB holds no more than the largest body, whatever its size field says") {
    sdk::testing::FakeHost host;
    host.limitValues.maxBodySize = 1000;
    Client client{host};
    const std::string message = sized(std::string(300, 'x'));
    CHECK(client.send(mpub(10, 4, message + message + message)).empty());
    CHECK(client.send(int32(300)) == Lines{"!E_BAD_BODY MPUB body too big 1220 > 1000"});
    CHECK(client.connection.closed());
    CHECK(host.fakeBroker.published("t").empty());
}

TEST_CASE("A publish stores its messages") {
    sdk::testing::FakeHost host;
    Client client{host};
    const std::string big(1048576, 'b');
    CHECK(client.send("PUB t\n" + sized("a") + "MPUB t\n" + mpubBody({"b", "c"}) + "PUB t\n" + sized(big)) ==
          Lines{"OK", "OK", "OK"});
    CHECK(host.fakeBroker.published("t") == Lines{"a", "b", "c", big});
    const std::vector<sdk::PubCount> counts = client.stats().pubCounts;
    REQUIRE(counts.size() == 1);
    CHECK(counts[0].topic == "t");
    CHECK(counts[0].count == 4);
}

TEST_CASE("DPUB defers") {
    sdk::testing::FakeHost host;
    Client client{host};
    client.send("SUB t c\nRDY 1\n");
    CHECK(client.send("DPUB t 500\n" + sized("late")) == Lines{"OK"});
    host.fakeBroker.expire(client.loop.now() + std::chrono::milliseconds{499});
    CHECK(client.idle().empty());
    host.fakeBroker.expire(client.loop.now() + std::chrono::milliseconds{500});
    CHECK(client.idle() == Lines{"#1 late"});
}

TEST_CASE("Nothing of an MPUB is stored when one message is bad") {
    sdk::testing::FakeHost host;
    Client client{host};
    client.send(mpub(17, 2, sized("a") + int32(0)));
    CHECK(client.connection.closed());
    CHECK(host.fakeBroker.published("t").empty());
}

TEST_CASE("A publish the broker refuses is fatal") {
    const auto code = GENERATE(sdk::ErrorCode::kExiting, sdk::ErrorCode::kStorage);
    const auto& [command, error] = GENERATE(table<std::string, std::string>(
        {{"PUB t\n" + sized("a"), "!E_PUB_FAILED PUB failed why"},
         {"MPUB t\n" + mpubBody({"a", "b"}), "!E_MPUB_FAILED MPUB failed why"},
         {"DPUB t 5\n" + sized("a"), "!E_DPUB_FAILED DPUB failed why"}}));
    const bool late = GENERATE(false, true);
    sdk::testing::FakeHost host;
    Client client{host};
    if (late) {
        host.fakeBroker.failOutcome({code, "why"}, 1);
    } else {
        host.fakeBroker.failNextPublish({code, "why"});
    }
    const std::string good = late ? "PUB t\n" + sized("a") : "";
    Lines expected{error};
    if (late) expected.insert(expected.begin(), "OK");
    CHECK(client.send(good + command + "NOP\n" + "PUB t\n" + sized("after")) == expected);
    CHECK(client.connection.closed());
}

}  // namespace nsq::v2
