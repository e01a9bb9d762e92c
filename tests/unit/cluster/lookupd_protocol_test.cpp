#include "cluster/lookupd_protocol.h"

#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>

#include <catch2/catch.hpp>

namespace nsq::cluster {
namespace {

using Texts = std::vector<std::string>;

std::string sized(std::string_view body) {
    std::byte size[4];
    sdk::storeBig(size, static_cast<std::int32_t>(body.size()));
    return std::string{sdk::asText(size)}.append(body);
}

/// All answers in `bytes`, which come in pieces of `step`; "!" for what is none.
Texts answersOf(const std::string& bytes, std::size_t step) {
    AnswerReader reader;
    Texts answers;
    for (std::size_t at = 0; at < bytes.size(); at += step) {
        reader.add(sdk::asBytes(std::string_view{bytes}.substr(at, step)));
        for (;;) {
            auto answer = reader.next();
            if (!answer) {
                answers.emplace_back("!");
                return answers;
            }
            if (!answer.value()) break;
            answers.push_back(*answer.value());
        }
    }
    return answers;
}

TEST_CASE("IDENTIFY says who this server is", "[cluster]") {
    sdk::ServerInfo info;
    info.version = "1.3.0";
    info.hostname = "host";
    info.broadcastAddress = "a \"quoted\" name";
    info.tcpPort = 1;
    info.httpPort = 2;
    info.broadcastTcpPort = 4150;
    info.broadcastHttpPort = 4151;
    const std::string command = identifyCommand(info);
    REQUIRE(command.starts_with("IDENTIFY\n"));
    const std::string body = command.substr(9 + 4);
    CHECK(command == "IDENTIFY\n" + sized(body));
    const auto json = Poco::JSON::Parser{}.parse(body).extract<Poco::JSON::Object::Ptr>();
    CHECK(json->size() == 5);
    CHECK(json->getValue<std::string>("broadcast_address") == info.broadcastAddress);
    CHECK(json->getValue<std::string>("hostname") == "host");
    CHECK(json->getValue<std::string>("version") == "1.3.0");
    CHECK(json->getValue<int>("tcp_port") == 4150);
    CHECK(json->getValue<int>("http_port") == 4151);
}

TEST_CASE("a command names the channel if there is one", "[cluster]") {
    CHECK(topicCommand("REGISTER", "t", "") == "REGISTER t");
    CHECK(topicCommand("UNREGISTER", "t", "c#ephemeral") == "UNREGISTER t c#ephemeral");
}

TEST_CASE("answers are cut out of the stream", "[cluster]") {
    const std::string long_(AnswerReader::kMostBytes, 'x');
    const std::string bytes = sized("OK") + sized("") + sized("E_INVALID no") + sized(long_);
    for (const std::size_t step : {std::size_t{1}, std::size_t{3}, std::size_t{7}, bytes.size()}) {
        CAPTURE(step);
        CHECK(answersOf(bytes, step) == Texts{"OK", "", "E_INVALID no", long_});
    }
    CHECK(answersOf(bytes.substr(0, 5), 1).empty());
}

TEST_CASE("what has no size of an answer is none", "[cluster]") {
    for (const std::int32_t size : {-1, INT32_MIN, INT32_MAX, AnswerReader::kMostBytes + 1}) {
        CAPTURE(size);
        std::byte bytes[4];
        sdk::storeBig(bytes, size);
        CHECK(answersOf(sized("OK") + std::string{sdk::asText(bytes)}, 4) == Texts{"OK", "!"});
    }
    CHECK(answersOf("HTTP/1.1 400 Bad Request", 5) == Texts{"!"});
}

TEST_CASE("a lookupd tells of itself", "[cluster]") {
    const auto info = parseLookupdInfo(
        R"({"tcp_port":4160,"http_port":4161,"version":"1.3.0","broadcast_address":"b","hostname":"h","x":1})");
    REQUIRE(info);
    CHECK(info.value().tcpPort == 4160);
    CHECK(info.value().httpPort == 4161);
    CHECK(info.value().version == "1.3.0");
    CHECK(info.value().broadcastAddress == "b");
    for (const auto* text : {"{}", R"({"http_port":-1})", R"({"http_port":65536})", R"({"http_port":0})"}) {
        CAPTURE(text);
        const auto little = parseLookupdInfo(text);
        REQUIRE(little);
        CHECK(little.value().httpPort == 0);
        CHECK(little.value().broadcastAddress.empty());
    }
}

TEST_CASE("what a lookupd calls its address gets into no request unless it is one", "[cluster]") {
    const auto addressOf = [](const std::string& text) {
        return parseLookupdInfo(R"({"broadcast_address":")" + text + "\"}").value().broadcastAddress;
    };
    for (const std::string& text : {std::string{"10.1.2.3"}, std::string{"a-b_c.example."},
                                    std::string{"fe80::1%eth0"}, std::string(255, 'x')})
        CHECK(addressOf(text) == text);
    for (const std::string& text :
         {std::string{R"(10.1.2.3\r\n\r\nPOST /topic/delete?topic=t HTTP/1.1)"}, std::string{"10.1.2.3 x"},
          std::string{"a/b"}, std::string{"a\\u0000"}, std::string{"\xc3\xbc"}, std::string(256, 'x')}) {
        CAPTURE(text);
        CHECK(addressOf(text).empty());
    }
}

TEST_CASE("what is no answer to IDENTIFY is refused", "[cluster]") {
    const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
    for (const std::string& text :
         {std::string{}, std::string{"OK"}, std::string{"[]"}, std::string{"null"}, std::string{"{"}, deep,
          R"({"a":)" + deep + "}", std::string{"\0\1\2", 3}}) {
        CAPTURE(text.substr(0, 20));
        CHECK_FALSE(parseLookupdInfo(text));
        CHECK_FALSE(parseChannels(text));
    }
}

TEST_CASE("channels to make are the valid ones that are not ephemeral", "[cluster]") {
    const auto channels =
        parseChannels(R"({"channels":["a","b#ephemeral","","not valid",7,null,["x"],"c"]})");
    REQUIRE(channels);
    CHECK(channels.value() == Texts{"a", "c"});
    CHECK(parseChannels(R"({"channels":[]})").value().empty());
    for (const auto* text : {"{}", R"({"channels":null})", R"({"channels":"a"})", R"({"message":"x"})"}) {
        CAPTURE(text);
        CHECK_FALSE(parseChannels(text));
    }
}

TEST_CASE("what another server says comes into the log on one short line", "[cluster]") {
    CHECK(shown("E_BAD_TOPIC\nFATAL: \x1b[0m\xff") == "E_BAD_TOPIC?FATAL: ?[0m?");
    CHECK(shown(std::string(10'000, 'x')).size() == 200);
}

}  // namespace
}  // namespace nsq::cluster
