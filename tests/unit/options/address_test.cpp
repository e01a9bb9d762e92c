#include "options/address.h"

#include <catch2/catch.hpp>

using namespace nsq::options;

TEST_CASE("a TCP address has a host and a port") {
    const auto [text, host, port] = GENERATE(table<std::string, std::string, int>({
        {"0.0.0.0:4150", "0.0.0.0", 4150},
        {":4150", "", 4150},
        {"localhost:0", "localhost", 0},
        {"[::1]:65535", "::1", 65535},
        {"[::]:1", "::", 1},
    }));
    const auto address = parseAddress(text);
    REQUIRE(address);
    const auto* tcp = std::get_if<HostAndPort>(&address.value());
    REQUIRE(tcp != nullptr);
    CHECK(tcp->host == host);
    CHECK(tcp->port == port);
}

TEST_CASE("an address without a colon is the path of a unix socket") {
    const auto address = parseAddress("/run/nsqd.sock");
    REQUIRE(address);
    REQUIRE(std::holds_alternative<UnixPath>(address.value()));
    CHECK(std::get<UnixPath>(address.value()).path == "/run/nsqd.sock");
    CHECK(parseAddress(std::string(107, 'a')));
}

TEST_CASE("what is no address is refused") {
    const std::string text = GENERATE(as<std::string>{}, "", "host:", "host:x", "host:-1", "host:65536",
                                      "host:1x", "::1:4150", "host:0x10", std::string(108, 'a'));
    CAPTURE(text);
    REQUIRE_FALSE(parseAddress(text));
    CHECK(parseAddress(text).error().text.find('\n') == std::string::npos);
}
