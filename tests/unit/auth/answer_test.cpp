#include "auth/answer.h"

#include <catch2/catch.hpp>

namespace nsq::auth {

TEST_CASE("An answer is read") {
    const auto answer = parseAnswer(
        R"({"ttl":60,"identity":"me","identity_url":"http://x","more":[{"a":null}],"authorizations":[)"
        R"({"topic":"t","channels":["a","b"],"permissions":["subscribe"]},)"
        R"({"topic":"u","channels":[],"permissions":["publish","subscribe","publish"]}]})");
    REQUIRE(answer);
    CHECK(answer.value().ttl == std::chrono::seconds{60});
    CHECK(answer.value().identity == "me");
    CHECK(answer.value().identityUrl == "http://x");
    REQUIRE(answer.value().grants.size() == 2);
    const Grant& first = answer.value().grants[0];
    CHECK(first.topic == "t");
    CHECK(first.channels == std::vector<std::string>{"a", "b"});
    CHECK(first.subscribe);
    CHECK_FALSE(first.publish);
    CHECK(answer.value().grants[1].publish);
    CHECK(answer.value().grants[1].channels.empty());
}

TEST_CASE("As in Go names match in any case, and null and what is missing are empty") {
    const auto answer =
        parseAnswer(R"({"TTL":1,"Identity":null,"AUTHORIZATIONS":[null,{"topic":null,"Channels":null}]})");
    REQUIRE(answer);
    CHECK(answer.value().identity.empty());
    REQUIRE(answer.value().grants.size() == 2);
    CHECK(answer.value().grants[1].topic.empty());
    CHECK_FALSE(answer.value().grants[1].publish);
    CHECK(parseAnswer(R"({"ttl":1,"authorizations":null})").value().grants.empty());
}

TEST_CASE("A ttl has no end that a clock could not reach") {
    CHECK(parseAnswer(R"({"ttl":9223372036854775807})").value().ttl == std::chrono::hours{24 * 365 * 100});
}

TEST_CASE("A bad answer is refused") {
    const auto& [json, why] = GENERATE(table<std::string, std::string>({
        {"", "it is not JSON"},
        {"{", "it is not JSON"},
        {"secret", "it is not JSON"},
        {R"({"ttl":1} x)", "it is not JSON"},
        {"{\"ttl\":1,\"identity\":\"\xff\"}", "it is not JSON"},
        {"null", "it is not JSON"},
        {"[]", "it is not a JSON object"},
        {"{}", "the ttl is not positive"},
        {R"({"ttl":0})", "the ttl is not positive"},
        {R"({"ttl":-1})", "the ttl is not positive"},
        {R"({"ttl":null})", "the ttl is not positive"},
        {R"({"ttl":1.5})", "ttl is not an integer"},
        {R"({"ttl":true})", "ttl is not an integer"},
        {R"({"ttl":"1"})", "ttl is not an integer"},
        {R"({"ttl":{}})", "ttl is not an integer"},
        {R"({"ttl":1,"identity":1})", "identity has a wrong type"},
        {R"({"ttl":1,"identity_url":[]})", "identity_url has a wrong type"},
        {R"({"ttl":1,"authorizations":{}})", "authorizations has a wrong type"},
        {R"({"ttl":1,"authorizations":[1]})", "an authorization has a wrong type"},
        {R"({"ttl":1,"authorizations":[[]]})", "an authorization has a wrong type"},
        {R"({"ttl":1,"authorizations":[{"topic":1}]})", "topic has a wrong type"},
        {R"({"ttl":1,"authorizations":[{"channels":"x"}]})", "channels has a wrong type"},
        {R"({"ttl":1,"authorizations":[{"channels":[1]}]})", "a channel has a wrong type"},
        {R"({"ttl":1,"authorizations":[{"permissions":["Publish"]}]})", "a permission is unknown"},
        {R"({"ttl":1,"authorizations":[{"permissions":[""]}]})", "a permission is unknown"},
    }));
    CAPTURE(json);
    const auto answer = parseAnswer(json);
    REQUIRE_FALSE(answer);
    CHECK(answer.error().code == sdk::ErrorCode::kAuthFailed);
    CHECK(answer.error().text == why);
}

TEST_CASE("Numbers beyond 64 bits and deep nesting are bad answers, not crashes") {
    CHECK_FALSE(parseAnswer(R"({"ttl":18446744073709551615})"));
    CHECK_FALSE(parseAnswer(R"({"ttl":99999999999999999999999999})"));
    CHECK_FALSE(parseAnswer(R"({"ttl":1,"x":)" + std::string(500'000, '[')));
    CHECK_FALSE(parseAnswer(R"({"ttl":1,"x":)" + std::string(200, '[') + std::string(200, ']') + '}'));
}

}  // namespace nsq::auth
