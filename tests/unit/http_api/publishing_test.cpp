#include "publishing.h"

#include <catch2/catch.hpp>

#include "fake_host.h"

namespace nsq::http_api::test {

using Calls = std::vector<std::string>;

TEST_CASE("/pub publishes the body") {
    FakeHost host;
    CHECK(text(publish(host, request({{"topic", "t"}}, "hello"))) == "200 OK");
    CHECK(text(publish(host, request({{"topic", "t"}, {"topic", "u"}}, "x"))) == "200 OK");
    CHECK(host.fakeBroker.calls == Calls{"pub t 0 hello", "pub t 0 x"});
}

TEST_CASE("/pub defers") {
    FakeHost host;
    const auto defer = [&host](const std::string& value) {
        return text(publish(host, request({{"topic", "t"}, {"defer", value}}, "x")));
    };
    CHECK(defer("100") == "200 OK");
    CHECK(defer("+5") == "200 OK");
    CHECK(defer("3600000") == "200 OK");
    CHECK(host.fakeBroker.calls == Calls{"pub t 100 x", "pub t 5 x", "pub t 3600000 x"});
    for (const char* bad :
         {"3600001", "-1", "", "+", "abc", "1x", "1_0", "0x10", " 1", "99999999999999999999"}) {
        CAPTURE(bad);
        CHECK(defer(bad) == error(400, "INVALID_DEFER"));
    }
    CHECK(host.fakeBroker.calls.size() == 3);
}

TEST_CASE("/pub refuses in nsqd's order") {
    FakeHost host;
    CHECK(text(publish(host, request())) == error(400, "MSG_EMPTY"));
    CHECK(text(publish(host, badQuery("x"))) == error(400, "INVALID_REQUEST"));
    CHECK(text(publish(host, request({}, "x"))) == error(400, "MISSING_ARG_TOPIC"));
    CHECK(text(publish(host, request({{"topic", "a b"}, {"defer", "x"}}, "x"))) ==
          error(400, "INVALID_TOPIC"));
    CHECK(text(publish(host, request({{"topic", ""}}, "x"))) == error(400, "INVALID_TOPIC"));
    CHECK(host.fakeBroker.calls.empty());
}

TEST_CASE("What the broker refuses has its status") {
    using sdk::ErrorCode;
    const std::tuple<ErrorCode, int, std::string> cases[] = {
        {ErrorCode::kExiting, 503, "EXITING"},
        {ErrorCode::kDeleted, 503, "EXITING"},
        {ErrorCode::kStorage, 500, "no space left on \\\"disk\\\""},
        {ErrorCode::kInternal, 500, "INTERNAL_ERROR"},
        {ErrorCode::kBadTopic, 400, "INVALID_TOPIC"},
    };
    for (const auto& [code, status, message] : cases) {
        FakeHost host;
        host.fakeBroker.failure = sdk::Error{code, "no space left on \"disk\""};
        CHECK(text(publish(host, request({{"topic", "t"}}, "x"))) == error(status, message));
        CHECK(text(publishMany(host, request({{"topic", "t"}}, "x"))) == error(status, message));
        CHECK(text(publishMany(host, request({{"topic", "t"}}, "\n"))) == error(status, message));
    }
}

TEST_CASE("/mpub publishes lines together") {
    FakeHost host;
    CHECK(text(publishMany(host, request({{"topic", "t"}}, "a\n\nb\r\nc\n"))) == "200 OK");
    CHECK(host.fakeBroker.calls == Calls{"pub t 0 a b\r c"});
}

TEST_CASE("/mpub without a message makes the topic") {
    FakeHost host;
    CHECK(text(publishMany(host, request({{"topic", "t"}}, "\n\n"))) == "200 OK");
    CHECK(text(publishMany(host, request({{"topic", "u"}}))) == "200 OK");
    CHECK(host.fakeBroker.calls == Calls{"createTopic t", "createTopic u"});
}

TEST_CASE("/mpub takes its binary flag as nsqd does") {
    FakeHost host;
    const auto binary = [&host](const std::string& value) {
        return text(publishMany(host, request({{"topic", "t"}, {"binary", value}}, "a")));
    };
    for (const char* no : {"false", "0"}) CHECK(binary(no) == "200 OK");
    for (const char* yes : {"true", "1", "T", "F", "", "bad"}) CHECK(binary(yes) == error(413, "BAD_BODY"));
    const std::string body{"\0\0\0\2\0\0\0\1a\0\0\0\2bcrest", 19};
    CHECK(text(publishMany(host, request({{"topic", "t"}, {"binary", "true"}}, body))) == "200 OK");
    CHECK(host.fakeBroker.calls.back() == "pub t 0 a bc");
}

TEST_CASE("/mpub refuses") {
    FakeHost host;
    host.serverLimits.maxMsgSize = 3;
    CHECK(text(publishMany(host, badQuery("x"))) == error(400, "INVALID_REQUEST"));
    CHECK(text(publishMany(host, request({}, "x"))) == error(400, "MISSING_ARG_TOPIC"));
    CHECK(text(publishMany(host, request({{"topic", "#"}}, "x"))) == error(400, "INVALID_TOPIC"));
    CHECK(text(publishMany(host, request({{"topic", "t"}}, "abc\nabcd"))) == error(413, "MSG_TOO_BIG"));
    CHECK(host.fakeBroker.calls.empty());
}

}  // namespace nsq::http_api::test
