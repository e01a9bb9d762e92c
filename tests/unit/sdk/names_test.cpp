#include "nsq/sdk/names.h"

#include <catch2/catch.hpp>
#include <string>

using namespace nsq::sdk;

TEST_CASE("valid names") {
    for (const std::string name : {"a", "topic", "A.b-c_9", "...", "x#ephemeral", "-"}) {
        CAPTURE(name);
        REQUIRE(isValidTopicName(name));
        REQUIRE(isValidChannelName(name));
    }
    REQUIRE(isValidTopicName(std::string(64, 'x')));
    REQUIRE(isValidTopicName(std::string(54, 'x') + "#ephemeral"));
}

TEST_CASE("invalid names") {
    for (const std::string name : {"", "a b", "a/b", "a\n", "ä", "#ephemeral", "a#", "a#ephemera",
                                   "a#ephemeral#ephemeral", "a#ephemeralx", "a*", "a:b", "a$"}) {
        CAPTURE(name);
        REQUIRE(!isValidTopicName(name));
        REQUIRE(!isValidChannelName(name));
    }
    REQUIRE(!isValidTopicName(std::string(65, 'x')));
    REQUIRE(!isValidTopicName(std::string(55, 'x') + "#ephemeral"));
    REQUIRE(!isValidTopicName(std::string_view{"a\0b", 3}));
}

TEST_CASE("ephemeral names") {
    REQUIRE(isEphemeral("a#ephemeral"));
    REQUIRE(!isEphemeral("a"));
    REQUIRE(!isEphemeral("#ephemeralx"));
}
