// IDENTIFY: what is accepted, what is agreed. The texts are nsqd 1.3.0's, taken from a running one.

#include <catch2/catch.hpp>

#include "conversation.h"
#include "protocol/v2/identify_request.h"
#include "v2_client.h"

namespace nsq::v2 {

namespace {

std::string agreed(std::int64_t msgTimeout, int sampleRate, std::int64_t bufferSize,
                   std::int64_t bufferTimeout) {
    return R"({"max_rdy_count":2500,"version":"1.3.0","max_msg_timeout":900000,"msg_timeout":)" +
           std::to_string(msgTimeout) +
           R"(,"tls_v1":false,"deflate":false,"deflate_level":6,"max_deflate_level":6,"snappy":false,"sample_rate":)" +
           std::to_string(sampleRate) + R"(,"auth_required":false,"output_buffer_size":)" +
           std::to_string(bufferSize) + R"(,"output_buffer_timeout":)" + std::to_string(bufferTimeout) + "}";
}

const std::string kDefaults = agreed(60000, 0, 16384, 250);

/// An IDENTIFY with feature_negotiation and these further fields.
std::string negotiating(const std::string& fields) {
    return identifyCommand(R"({"feature_negotiation":true)" + (fields.empty() ? "" : "," + fields) + "}");
}

Conversation accepted(const std::string& fields, const std::string& answer = kDefaults) {
    return {fields, negotiating(fields), {answer}};
}

Conversation invalid(const std::string& fields, const std::string& what) {
    return {fields, negotiating(fields), {"!E_BAD_BODY IDENTIFY " + what + " is invalid"}, true};
}

const std::vector<Conversation> kNegotiations{
    accepted(""),
    accepted(R"("tls_v1":true,"deflate_level":3)"),
    {"both",
     negotiating(R"("snappy":true,"deflate":true)"),
     {"!E_IDENTIFY_FAILED cannot enable both deflate and snappy compression"},
     true},
    accepted(R"("heartbeat_interval":-1)"),
    accepted(R"("heartbeat_interval":0)"),
    accepted(R"("heartbeat_interval":1000)"),
    accepted(R"("heartbeat_interval":60000)"),
    accepted(R"("output_buffer_size":-1)", agreed(60000, 0, 1, 0)),
    accepted(R"("output_buffer_size":-1,"output_buffer_timeout":100)", agreed(60000, 0, 1, 0)),
    accepted(R"("output_buffer_size":64)", agreed(60000, 0, 64, 250)),
    accepted(R"("output_buffer_size":65536)", agreed(60000, 0, 65536, 250)),
    accepted(R"("output_buffer_size":100,"output_buffer_timeout":-1)", agreed(60000, 0, 100, 0)),
    accepted(R"("output_buffer_timeout":25)", agreed(60000, 0, 16384, 25)),
    accepted(R"("output_buffer_timeout":30000)", agreed(60000, 0, 16384, 30000)),
    accepted(R"("sample_rate":99)", agreed(60000, 99, 16384, 250)),
    accepted(R"("msg_timeout":1000)", agreed(1000, 0, 16384, 250)),
    accepted(R"("msg_timeout":900000)", agreed(900000, 0, 16384, 250)),
    invalid(R"("heartbeat_interval":-2)", "heartbeat interval (-2)"),
    invalid(R"("heartbeat_interval":999)", "heartbeat interval (999)"),
    invalid(R"("heartbeat_interval":60001)", "heartbeat interval (60001)"),
    invalid(R"("heartbeat_interval":9223372036854775807)", "heartbeat interval (9223372036854775807)"),
    invalid(R"("heartbeat_interval":-9223372036854775808)", "heartbeat interval (-9223372036854775808)"),
    invalid(R"("output_buffer_size":-2)", "output buffer size (-2)"),
    invalid(R"("output_buffer_size":63)", "output buffer size (63)"),
    invalid(R"("output_buffer_size":65537)", "output buffer size (65537)"),
    invalid(R"("output_buffer_timeout":-2)", "output buffer timeout (-2)"),
    invalid(R"("output_buffer_timeout":24)", "output buffer timeout (24)"),
    invalid(R"("output_buffer_timeout":30001)", "output buffer timeout (30001)"),
    invalid(R"("sample_rate":-1)", "sample rate (-1)"),
    invalid(R"("sample_rate":100)", "sample rate (100)"),
    invalid(R"("msg_timeout":-1)", "msg timeout (-1)"),
    invalid(R"("msg_timeout":999)", "msg timeout (999)"),
    invalid(R"("msg_timeout":900001)", "msg timeout (900001)"),
    // Of several bad values the first in nsqd's order is told.
    invalid(R"("msg_timeout":1,"heartbeat_interval":1)", "heartbeat interval (1)"),
    invalid(R"("output_buffer_size":1,"heartbeat_interval":1)", "heartbeat interval (1)"),
    invalid(R"("output_buffer_size":1,"output_buffer_timeout":1)", "output buffer timeout (1)"),
    invalid(R"("sample_rate":100,"output_buffer_size":1)", "output buffer size (1)"),
    invalid(R"("msg_timeout":1,"sample_rate":100)", "sample rate (100)"),
};

const std::vector<Conversation> kFraming{
    {"plain", identifyCommand("{}"), {"OK"}},
    {"null", identifyCommand("null"), {"OK"}},
    {"no negotiation", identifyCommand(R"({"feature_negotiation":false,"msg_timeout":5000})"), {"OK"}},
    {"parameters", "IDENTIFY x y\n" + sized("{}"), {"OK"}},
    {"twice", identifyCommand("{}") + negotiating(""), {"OK", kDefaults}},
    {"after PUB", "PUB t\n" + sized("a") + identifyCommand("{}"), {"OK", "OK"}},
    {"unfinished", "IDENTIFY\n" + int32(6) + "abc", {}},
    {"size 0", "IDENTIFY\n" + int32(0), {"!E_BAD_BODY IDENTIFY invalid body size 0"}, true},
    {"size -1", "IDENTIFY\n" + int32(-1), {"!E_BAD_BODY IDENTIFY invalid body size -1"}, true},
    {"too big", "IDENTIFY\n" + int32(5242881), {"!E_BAD_BODY IDENTIFY body too big 5242881 > 5242880"}, true},
    {"subscribed", "SUB t c\nIDENTIFY\n", {"OK", "!E_INVALID cannot IDENTIFY in current state"}, true},
    {"no JSON", identifyCommand("x"), {"!E_BAD_BODY IDENTIFY failed to decode JSON body"}, true},
    {"wrong type",
     identifyCommand(R"({"heartbeat_interval":"x"})"),
     {"!E_BAD_BODY IDENTIFY failed to decode JSON body"},
     true},
};

}  // namespace

TEST_CASE("IDENTIFY is framed as in nsqd") {
    for (const Conversation& conversation : kFraming) check(conversation);
}

TEST_CASE("IDENTIFY negotiates as nsqd does") {
    for (const Conversation& conversation : kNegotiations) check(conversation);
}

TEST_CASE("The IDENTIFY body is the JSON nsqd takes") {
    const Lines good{
        "{}\n",
        " \t\r\n{}",
        R"({"":1})",
        R"({"a":{"b":[1,2.5,{"client_id":5}]},"c":null})",
        "{\"a\":\"\x7f\"}",
        R"({"heartbeat_interval":null,"client_id":null,"tls_v1":null})",
        R"({"heartbeat_interval":-0})",
        "{\"a\":\"\xff\"}",
        "{\"a\":" + std::string(100, '[') + std::string(100, ']') + "}",
    };
    for (const std::string& body : good) {
        CAPTURE(body);
        CHECK(decodeIdentify(body).ok());
    }
    const Lines bad{
        "",
        " ",
        "{",
        "}",
        "[]",
        "5",
        "true",
        "\"x\"",
        "{} x",
        "{}{}",
        "{'a':1}",
        "{a:1}",
        R"({"a":1,})",
        R"({"a":01})",
        R"({"a":.5})",
        R"({"a":1.})",
        R"({"a":NaN})",
        R"({"a" 1})",
        R"({"a":"\x"})",
        R"({"a":"\u12"})",
        R"({"a":tru})",
        R"({"a":"b"c"})",
        R"({"a":[1,]})",
        "{\"a\":\"\n\"}",
        "\xef\xbb\xbf{}",
        "//c\n{}",
        std::string{"{}\0", 3},
        std::string{"\0{}", 3},
        R"({"client_id":5,"client_id":"x"})",
        R"({"CLIENT_ID":5})",
    };
    for (const std::string& body : bad) {
        CAPTURE(body);
        CHECK(!decodeIdentify(body).ok());
    }
}

TEST_CASE("Each IDENTIFY field has one type") {
    const std::vector<std::string> values{"1",
                                          "1.5",
                                          "1e3",
                                          "true",
                                          R"("x")",
                                          "[]",
                                          "{}",
                                          "9223372036854775808",
                                          "-9223372036854775809",
                                          "100000000000000000000000"};
    const auto accepts = [&](const std::string& field, const std::vector<std::string>& good) {
        for (const std::string& value : values) {
            CAPTURE(field, value);
            const bool expected = std::ranges::find(good, value) != good.end();
            CHECK(decodeIdentify("{\"" + field + "\":" + value + "}").ok() == expected);
        }
    };
    for (const char* field : {"client_id", "hostname", "user_agent"}) accepts(field, {R"("x")"});
    for (const char* field : {"feature_negotiation", "tls_v1", "snappy", "deflate"}) accepts(field, {"true"});
    // The parser clamps what is too low; the range check then refuses it.
    for (const char* field : {"heartbeat_interval", "output_buffer_size", "output_buffer_timeout",
                              "deflate_level", "msg_timeout"}) {
        accepts(field, {"1", "-9223372036854775809"});
    }
    accepts("sample_rate", {"1"});
    CHECK(!decodeIdentify(R"({"sample_rate":2147483648})").ok());
}

TEST_CASE("Field names match in any case and the last of equal ones wins") {
    const sdk::Result<IdentifyRequest> request =
        decodeIdentify(R"({"Client_ID":"a","client_id":"b","MSG_TIMEOUT":5,"x":{"client_id":"c"}})");
    REQUIRE(request.ok());
    CHECK(request.value().clientId == "b");
    CHECK(request.value().msgTimeout == 5);
}

TEST_CASE("A hostile IDENTIFY body is refused without harm") {
    const std::string deep(5'000'000, '[');
    std::string objects;
    for (int i = 0; i < 500'000; ++i) objects += "{\"a\":";
    for (const std::string& body :
         {deep, "{\"a\":" + deep, objects, "{\"client_id\":\"" + std::string(5'000'000, 'x'),
          "{\"a\":" + std::string(5'000'000, '9') + "}", std::string(5'000'000, '\xff')}) {
        sdk::testing::FakeHost host;
        Client client{host};
        CHECK(client.send(identifyCommand(body)) == Lines{"!E_BAD_BODY IDENTIFY failed to decode JSON body"});
        CHECK(client.connection.closed());
        CHECK(host.logged().size() < 2000);
    }
}

TEST_CASE("What a client says of itself is shown") {
    sdk::testing::FakeHost host;
    Client client{host};
    CHECK(client.stats().clientId == "192.0.2.1");
    CHECK(client.stats().hostname == "192.0.2.1");
    client.send(identifyCommand(
        R"({"client_id":"worker","hostname":"box.example","user_agent":"test/1","sample_rate":7})"));
    const sdk::ClientStats stats = client.stats();
    CHECK(stats.clientId == "worker");
    CHECK(stats.hostname == "box.example");
    CHECK(stats.userAgent == "test/1");
    CHECK(stats.sampleRate == 7);
    CHECK(stats.protocol == "V2");
    CHECK(stats.state == sdk::ClientState::kInit);
}

TEST_CASE("A client's text cannot forge a log line") {
    sdk::testing::FakeHost host;
    Client client{host};
    client.send(identifyCommand(R"({"client_id":"a\nerror forged","user_agent":"\u001b[31m"})") +
                "B\rAD\x1b[0m\n");
    CHECK(host.logged().find("\nerror forged") == std::string::npos);
    CHECK(host.logged().find('\r') == std::string::npos);
    CHECK(host.logged().find('\x1b') == std::string::npos);
    CHECK(host.logged().find("info [192.0.2.1:50000] IDENTIFY: {ClientID:a\\nerror forged") !=
          std::string::npos);
    CHECK(host.logged().find("error [192.0.2.1:50000] - E_INVALID invalid command B\\rAD\\x1b[0m") !=
          std::string::npos);
}

}  // namespace nsq::v2
