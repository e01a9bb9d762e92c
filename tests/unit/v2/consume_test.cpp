// Each answer of SUB, RDY, FIN, REQ, TOUCH, CLS, NOP, AUTH and of what is no command. The texts are
// nsqd 1.3.0's, taken from a running one.

#include <catch2/catch.hpp>

#include "conversation.h"
#include "v2_client.h"

namespace nsq::v2 {

namespace {

const std::string kSub = "SUB t c\n";
const std::string kId = "0123456789abcdef";
const std::string kNoHeartbeats = identifyCommand(R"({"heartbeat_interval":-1})");

const std::vector<Conversation> kSubs{
    {"sub", kSub, {"OK"}},
    {"more parameters", "SUB t c d e f\n", {"OK"}},
    {"ephemeral", "SUB t#ephemeral c#ephemeral\n", {"OK"}},
    {"no parameters", "SUB\n", {"!E_INVALID SUB insufficient number of parameters"}, true},
    {"no channel", "SUB t\n", {"!E_INVALID SUB insufficient number of parameters"}, true},
    {"bad topic", "SUB $ %\n", {"!E_BAD_TOPIC SUB topic name \"$\" is not valid"}, true},
    {"empty topic", "SUB  c\n", {"!E_BAD_TOPIC SUB topic name \"\" is not valid"}, true},
    {"bad channel", "SUB t %\n", {"!E_BAD_CHANNEL SUB channel name \"%\" is not valid"}, true},
    {"empty channel", "SUB t \n", {"!E_BAD_CHANNEL SUB channel name \"\" is not valid"}, true},
    {"twice", kSub + kSub, {"OK", "!E_INVALID cannot SUB in current state"}, true},
    {"twice, without parameters", kSub + "SUB\n", {"OK", "!E_INVALID cannot SUB in current state"}, true},
    {"after CLS",
     kSub + "CLS\n" + kSub,
     {"OK", "CLOSE_WAIT", "!E_INVALID cannot SUB in current state"},
     true},
    {"no heartbeats",
     kNoHeartbeats + "SUB\n",
     {"OK", "!E_INVALID cannot SUB with heartbeats disabled"},
     true},
};

const std::vector<Conversation> kRdys{
    {"rdy", kSub + "RDY 1\n", {"OK"}},
    {"no count", kSub + "RDY\n", {"OK"}},
    {"empty count", kSub + "RDY \n", {"OK"}},
    {"zero", kSub + "RDY 0\n", {"OK"}},
    {"highest", kSub + "RDY 2500\n", {"OK"}},
    {"more parameters", kSub + "RDY 1 2 3\n", {"OK"}},
    {"not subscribed", "RDY x\n", {"!E_INVALID cannot RDY in current state"}, true},
    {"no number", kSub + "RDY x\n", {"OK", "!E_INVALID RDY could not parse count x"}, true},
    {"negative", kSub + "RDY -1\n", {"OK", "!E_INVALID RDY could not parse count -1"}, true},
    {"plus", kSub + "RDY +1\n", {"OK", "!E_INVALID RDY could not parse count +1"}, true},
    {"too high", kSub + "RDY 2501\n", {"OK", "!E_INVALID RDY count 2501 out of range 0-2500"}, true},
    {"2^63",
     kSub + "RDY 9223372036854775808\n",
     {"OK", "!E_INVALID RDY count 9223372036854775808 out of range 0-2500"},
     true},
    {"2^64 + 1",
     kSub + "RDY 18446744073709551617\n",
     {"OK", "!E_INVALID RDY count 18446744073709551617 out of range 0-2500"},
     true},
    {"after CLS", kSub + "CLS\nRDY 5\nRDY x\nRDY 9999\n", {"OK", "CLOSE_WAIT"}},
};

std::string notInFlight(const std::string& command, const std::string& id = kId) {
    return "!E_" + command + "_FAILED " + command + " " + id + " failed ID not in flight";
}

const std::vector<Conversation> kFins{
    {"unknown",
     kSub + "FIN " + kId + "\nNOP\nFIN " + kId + "\n",
     {"OK", notInFlight("FIN"), notInFlight("FIN")}},
    {"several",
     kSub + "FIN " + kId + "\nFIN " + kId + "\r\nFIN " + kId + "\n",
     {"OK", notInFlight("FIN"), notInFlight("FIN"), notInFlight("FIN")}},
    {"more parameters", kSub + "FIN " + kId + " x\n", {"OK", notInFlight("FIN")}},
    {"not hex", kSub + "FIN zzzzzzzzzzzzzzzz\n", {"OK", notInFlight("FIN", "zzzzzzzzzzzzzzzz")}},
    {"upper case", kSub + "FIN 0123456789ABCDEF\n", {"OK", notInFlight("FIN", "0123456789ABCDEF")}},
    {"mixed order",
     kSub + "FIN " + kId + "\nFIN zzzzzzzzzzzzzzzz\n",
     {"OK", notInFlight("FIN"), notInFlight("FIN", "zzzzzzzzzzzzzzzz")}},
    {"after CLS", kSub + "CLS\nFIN " + kId + "\n", {"OK", "CLOSE_WAIT", notInFlight("FIN")}},
    {"then PUB", kSub + "FIN " + kId + "\nPUB t\n" + sized("a"), {"OK", notInFlight("FIN"), "OK"}},
    {"after PUB",
     kSub + "PUB t\n" + sized("a") + "FIN " + kId + "\nPUB t\n" + sized("a"),
     {"OK", "OK", notInFlight("FIN"), "OK"}},
    {"then an error",
     kSub + "FIN " + kId + "\nFOO\n",
     {"OK", notInFlight("FIN"), "!E_INVALID invalid command FOO"},
     true},
    {"not subscribed", "FIN " + kId + "\n", {"!E_INVALID cannot FIN in current state"}, true},
    {"not subscribed, no id", "FIN\n", {"!E_INVALID cannot FIN in current state"}, true},
    {"no id", kSub + "FIN\n", {"OK", "!E_INVALID FIN insufficient number of params"}, true},
    {"empty id", kSub + "FIN \n", {"OK", "!E_INVALID invalid message ID"}, true},
    {"short id", kSub + "FIN 123\n", {"OK", "!E_INVALID invalid message ID"}, true},
    {"long id", kSub + "FIN " + kId + "0\n", {"OK", "!E_INVALID invalid message ID"}, true},
    {"two spaces", kSub + "FIN  " + kId + "\n", {"OK", "!E_INVALID invalid message ID"}, true},
};

const std::vector<Conversation> kReqs{
    {"unknown", kSub + "REQ " + kId + " 0\n", {"OK", notInFlight("REQ")}},
    {"not hex", kSub + "REQ zzzzzzzzzzzzzzzz 0\n", {"OK", notInFlight("REQ", "zzzzzzzzzzzzzzzz")}},
    {"too long", kSub + "REQ " + kId + " 3600001\n", {"OK", notInFlight("REQ")}},
    {"far too long", kSub + "REQ " + kId + " 99999999999999999999999\n", {"OK", notInFlight("REQ")}},
    {"empty time", kSub + "REQ " + kId + " \n", {"OK", notInFlight("REQ")}},
    {"more parameters", kSub + "REQ " + kId + " 0 0\n", {"OK", notInFlight("REQ")}},
    {"after CLS", kSub + "CLS\nREQ " + kId + " 0\n", {"OK", "CLOSE_WAIT", notInFlight("REQ")}},
    {"not subscribed", "REQ " + kId + " 0\n", {"!E_INVALID cannot REQ in current state"}, true},
    {"no parameters", kSub + "REQ\n", {"OK", "!E_INVALID REQ insufficient number of params"}, true},
    {"no time", kSub + "REQ " + kId + "\n", {"OK", "!E_INVALID REQ insufficient number of params"}, true},
    {"bad id and time", kSub + "REQ 12 x\n", {"OK", "!E_INVALID invalid message ID"}, true},
    {"bad time", kSub + "REQ " + kId + " x\n", {"OK", "!E_INVALID REQ could not parse timeout x"}, true},
    {"negative time",
     kSub + "REQ " + kId + " -1\n",
     {"OK", "!E_INVALID REQ could not parse timeout -1"},
     true},
};

const std::vector<Conversation> kOthers{
    {"touch unknown", kSub + "TOUCH " + kId + "\n", {"OK", notInFlight("TOUCH")}},
    {"touch, more parameters", kSub + "TOUCH " + kId + " 1\n", {"OK", notInFlight("TOUCH")}},
    {"touch after CLS", kSub + "CLS\nTOUCH " + kId + "\n", {"OK", "CLOSE_WAIT", notInFlight("TOUCH")}},
    {"touch, not subscribed", "TOUCH " + kId + "\n", {"!E_INVALID cannot TOUCH in current state"}, true},
    {"touch nothing", kSub + "TOUCH\n", {"OK", "!E_INVALID TOUCH insufficient number of params"}, true},
    {"touch a bad id", kSub + "TOUCH 1\n", {"OK", "!E_INVALID invalid message ID"}, true},
    {"cls", kSub + "CLS\n", {"OK", "CLOSE_WAIT"}},
    {"cls with parameters", kSub + "CLS a b\n", {"OK", "CLOSE_WAIT"}},
    {"cls, not subscribed", "CLS\n", {"!E_INVALID cannot CLS in current state"}, true},
    {"cls twice", kSub + "CLS\nCLS\n", {"OK", "CLOSE_WAIT", "!E_INVALID cannot CLS in current state"}, true},
    {"pub after cls", kSub + "CLS\nPUB t\n" + sized("a"), {"OK", "CLOSE_WAIT", "OK"}},
    {"nop", "NOP\nNOP a b\nNOP\r\n", {}},
    {"auth", "AUTH\n" + sized("secret"), {"!E_AUTH_DISABLED AUTH disabled"}, true},
    {"auth, unfinished", "AUTH\n" + int32(6) + "secre", {}},
    {"auth with parameters", "AUTH x\n", {"!E_INVALID AUTH invalid number of parameters"}, true},
    {"auth with a space", "AUTH \n", {"!E_INVALID AUTH invalid number of parameters"}, true},
    {"auth, size 0", "AUTH\n" + int32(0), {"!E_BAD_BODY AUTH invalid body size 0"}, true},
    {"auth, too big", "AUTH\n" + int32(5242881), {"!E_BAD_BODY AUTH body too big 5242881 > 5242880"}, true},
    {"auth, subscribed", kSub + "AUTH\n", {"OK", "!E_INVALID cannot AUTH in current state"}, true},
    {"empty line", "\n", {"!E_INVALID invalid command "}, true},
    {"carriage return only", "\r\n", {"!E_INVALID invalid command "}, true},
    {"space before", " PUB t\n", {"!E_INVALID invalid command "}, true},
    {"unknown", "FOO a b c d e\n", {"!E_INVALID invalid command FOO"}, true},
    {"lower case", "nop\n", {"!E_INVALID invalid command nop"}, true},
    {"two carriage returns", "FOO\r\r\n", {"!E_INVALID invalid command FOO\r"}, true},
    {"longer name", "NOPX\n", {"!E_INVALID invalid command NOPX"}, true},
    {"odd bytes",
     std::string{"F\xff\0O\n", 5},
     {std::string{"!E_INVALID invalid command F\xff\0O", 31}},
     true},
    {"longest line",
     std::string(16383, 'A') + "\n",
     {"!E_INVALID invalid command " + std::string(16383, 'A')},
     true},
    {"line too long", std::string(16384, 'A') + "\n", {"!E_INVALID command line too long"}, true},
    {"endless line", std::string(20000, 'A'), {"!E_INVALID command line too long"}, true},
};

}  // namespace

TEST_CASE("SUB answers as nsqd does") {
    for (const Conversation& conversation : kSubs) check(conversation);
}

TEST_CASE("RDY answers as nsqd does") {
    for (const Conversation& conversation : kRdys) check(conversation);
}

TEST_CASE("FIN answers as nsqd does") {
    for (const Conversation& conversation : kFins) check(conversation);
}

TEST_CASE("REQ answers as nsqd does") {
    for (const Conversation& conversation : kReqs) check(conversation);
}

TEST_CASE("Other commands answer as nsqd does") {
    for (const Conversation& conversation : kOthers) check(conversation);
}

TEST_CASE("A subscription the broker refuses is fatal") {
    const auto& [code, text, answer] = GENERATE(table<sdk::ErrorCode, std::string, std::string>(
        {{sdk::ErrorCode::kTooManyConsumers, "consumers for t:c exceeds limit of 1",
          "!E_SUB_FAILED SUB failed consumers for t:c exceeds limit of 1"},
         {sdk::ErrorCode::kDeleted, "channel is being deleted",
          "!E_SUB_FAILED SUB failed to deleted topic/channel"},
         {sdk::ErrorCode::kExiting, "exiting", "!E_SUB_FAILED SUB failed exiting"}}));
    sdk::testing::FakeHost host;
    Client client{host};
    host.fakeBroker.failNextSubscribe({code, text});
    CHECK(client.send(kSub + "NOP\n") == Lines{answer});
    CHECK(client.connection.closed());
}

}  // namespace nsq::v2
