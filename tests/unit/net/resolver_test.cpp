#include "net/resolver.h"

#include <algorithm>
#include <catch2/catch.hpp>

namespace nsq::net {
namespace {

using namespace std::chrono_literals;

std::vector<std::string> resolved(const std::string& host) {
    const Interrupt interrupt;
    const auto addresses = resolve({host, 4160}, Clock::now() + 20s, interrupt);
    INFO((addresses ? "" : addresses.error().text));
    REQUIRE(addresses);
    std::vector<std::string> texts;
    for (const auto& address : addresses.value()) texts.push_back(address.toString());
    return texts;
}

TEST_CASE("addresses are taken as they are", "[net]") {
    CHECK(resolved("127.0.0.1") == std::vector<std::string>{"127.0.0.1:4160"});
    CHECK(resolved("") == std::vector<std::string>{"127.0.0.1:4160"});
    CHECK(resolved("::1") == std::vector<std::string>{"[::1]:4160"});
}

TEST_CASE("names are looked up", "[net]") {
    const auto addresses = resolved("localhost");
    CHECK(std::ranges::any_of(
        addresses, [](const auto& text) { return text == "127.0.0.1:4160" || text == "[::1]:4160"; }));
}

TEST_CASE("a lookup is bounded in time, and can be interrupted", "[net]") {
    Interrupt interrupt;
    // Names with a dot at the end are asked of name servers, which may be there or not.
    CHECK_FALSE(resolve({"no.such.name.invalid.", 1}, Clock::now() + 20ms, interrupt));
    interrupt.raise();
    CHECK_FALSE(resolve({"no.such.name.invalid.", 1}, Clock::time_point::max(), interrupt));
    CHECK_FALSE(resolve({std::string(300, 'x'), 1}, Clock::now() + 20s, interrupt));
}

}  // namespace
}  // namespace nsq::net
