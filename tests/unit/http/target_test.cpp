#include "http/target.h"

#include <catch2/catch.hpp>

namespace nsq::http {

TEST_CASE("Target is split in path and query") {
    Target target;
    REQUIRE(splitTarget("/pub?topic=a?b", target));
    CHECK(target.path == "/pub");
    CHECK(target.query == "topic=a?b");
    REQUIRE(splitTarget("/", target));
    CHECK(target.path == "/");
    CHECK(target.query.empty());
    REQUIRE(splitTarget("HTTP://host:4151/pub?x", target));
    CHECK(target.path == "/pub");
    CHECK(target.query == "x");
    REQUIRE(splitTarget("https://host?x", target));
    CHECK(target.path == "/");
    CHECK(target.query == "x");
    REQUIRE(splitTarget("*", target));
    CHECK(target.path == "*");
    CHECK_FALSE(splitTarget("pub", target));
    CHECK_FALSE(splitTarget("", target));
    CHECK_FALSE(splitTarget("host:80", target));
    CHECK_FALSE(splitTarget("ftp://host/", target));
}

TEST_CASE("A path is decoded") {
    std::string decoded;
    REQUIRE(decodePath("/a%20b+c%2Fd", decoded));
    CHECK(decoded == "/a b+c/d");
    CHECK_FALSE(decodePath("/a%zz", decoded));
    CHECK_FALSE(decodePath("/a%2", decoded));
    CHECK(encodePath("/a b%\r\n?#") == "/a%20b%25%0D%0A%3F%23");
}

TEST_CASE("A query is decoded in order") {
    std::vector<std::pair<std::string, std::string>> pairs;
    REQUIRE(decodeQuery("topic=a%23b+c%2B&&topic=&flag&a=b=c&=x", pairs));
    const std::vector<std::pair<std::string, std::string>> expected{
        {"topic", "a#b c+"}, {"topic", ""}, {"flag", ""}, {"a", "b=c"}, {"", "x"}};
    CHECK(pairs == expected);
    pairs.clear();
    CHECK_FALSE(decodeQuery("a=b&topic=%g1", pairs));
    CHECK(pairs.empty());
    CHECK_FALSE(decodeQuery("a=b;c=d", pairs));
    CHECK_FALSE(decodeQuery("%=b", pairs));
    CHECK(decodeQuery("", pairs));
    CHECK(pairs.empty());
}

}  // namespace nsq::http
