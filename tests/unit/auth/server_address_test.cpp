#include "auth/server_address.h"

#include <catch2/catch.hpp>

namespace nsq::auth {

TEST_CASE("An auth server is host:port or a URL") {
    const auto& [text, name, target] = GENERATE(table<std::string, std::string, std::string>({
        {"127.0.0.1:80", "http://127.0.0.1:80", "/auth?"},
        {"auth.example:4181", "http://auth.example:4181", "/auth?"},
        {"auth.example", "http://auth.example:80", "/auth?"},
        {"[::1]:4181", "http://[::1]:4181", "/auth?"},
        {"http://auth.example", "http://auth.example:80", "/?"},
        {"http://auth.example:8080/a/b", "http://auth.example:8080", "/a/b?"},
        {"https://auth.example/a%20b?key=1%262", "https://auth.example:443", "/a%20b?key=1%262&"},
        {"HTTPS://auth.example/x", "https://auth.example:443", "/x?"},
        {"http://user:word@auth.example/x", "http://auth.example:80", "/x?"},
    }));
    CAPTURE(text);
    const auto server = ServerAddress::parse(text);
    REQUIRE(server);
    CHECK(server.value().name() == name);
    CHECK(server.value().isHttps() == name.starts_with("https"));
    CHECK(server.value().target({"10.0.0.1", false, "", "s"}) ==
          target + "common_name=&remote_ip=10.0.0.1&secret=s&tls=false");
}

TEST_CASE("What is no address of an auth server is refused") {
    const std::string text =
        GENERATE("", ":80", "http://", "http://:80/x", "ftp://auth.example/x", "auth.example:99999",
                 "auth.example:x", "auth.example:0", "auth.example/x", "http://auth.example:99999/",
                 "http://[::1/x", "https:///x", "://", "a b://c");
    CAPTURE(text);
    const auto server = ServerAddress::parse(text);
    REQUIRE_FALSE(server);
    CHECK(server.error().text == '"' + text + "\" is not host:port, or a URL of http or https");
}

TEST_CASE("An address is shown without what may be secret in it") {
    const auto& [text, shown] = GENERATE(table<std::string, std::string>({
        {"127.0.0.1:80", "127.0.0.1:80"},
        {"user:word@[::1]:4181", "[::1]:4181"},
        {"http://auth.example/a@b", "http://auth.example/a@b"},
        {"HTTPS://user:w@rd@auth.example:443/a@b?token=word", "HTTPS://auth.example:443/a@b"},
        {"http://user@auth.example", "http://auth.example"},
        {"http://auth.example?token=wo/rd@x", "http://auth.example"},
    }));
    CAPTURE(text);
    const auto server = ServerAddress::parse(text);
    REQUIRE(server);
    CHECK(server.value().shown() == shown);
}

TEST_CASE("What is wrong with an address is said without what may be secret in it") {
    const auto& [text, shown] = GENERATE(table<std::string, std::string>({
        {"htp://user:word@auth.example/", "htp://..."},
        {"user:word@auth.example/x", "..."},
        {"http://user:w/ord@auth.example/", "http://..."},
        {"http://auth.example:x?token=word", "http://..."},
        {"auth.example:80?x", "..."},
    }));
    CAPTURE(text);
    const auto server = ServerAddress::parse(text);
    REQUIRE_FALSE(server);
    CHECK(server.error().text == '"' + shown + "\" is not host:port, or a URL of http or https");
}

TEST_CASE("Credentials are encoded into the request's target") {
    const auto server = ServerAddress::parse("h:1");
    REQUIRE(server);
    std::string bytes = "a&b=c?d#e/f%g+h i\xc3\xbc\xff\r\n\"";
    bytes += '\0';
    CHECK(server.value().target({"fe80::1", true, "a b,c", bytes}) ==
          "/auth?common_name=a%20b%2Cc&remote_ip=fe80%3A%3A1&secret="
          "a%26b%3Dc%3Fd%23e%2Ff%25g%2Bh%20i%C3%BC%FF%0D%0A%22%00&tls=true");
}

TEST_CASE("User and password of a URL are kept apart from its name") {
    const auto server = ServerAddress::parse("https://user:p%40ss@auth.example/x");
    REQUIRE(server);
    CHECK(server.value().userInfo() == "user:p%40ss");
    CHECK(server.value().name().find("user") == std::string::npos);
}

}  // namespace nsq::auth
