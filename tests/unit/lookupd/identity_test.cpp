#include "identity.h"

#include <catch2/catch.hpp>

namespace nsq::lookupd::test {

TEST_CASE("All fields of an identity are read") {
    const auto identity = decodeIdentity(
        R"({"broadcast_address":"b\"1","hostname":"h","http_port":4151,"tcp_port":-1,"version":"1.3.0",)"
        R"("remote_address":"r","tls_v1":true,"other":{"tcp_port":"x"}})");
    REQUIRE(identity);
    CHECK(identity.value().broadcastAddress == "b\"1");
    CHECK(identity.value().hostname == "h");
    CHECK(identity.value().httpPort == 4151);
    CHECK(identity.value().tcpPort == -1);
    CHECK(identity.value().version == "1.3.0");
    CHECK(identity.value().tlsV1);
    CHECK(identity.value().isComplete());
}

TEST_CASE("Names match in any case, null leaves a field as it is") {
    const auto identity = decodeIdentity(
        R"({"Broadcast_Address":"b","TCP_PORT":1,"http_port":2,"version":"1","hostname":null})");
    REQUIRE(identity);
    CHECK(identity.value().isComplete());
    CHECK(identity.value().hostname.empty());
}

TEST_CASE("A tls_v1 that nsqlookupd would ignore does not ask for TLS") {
    for (const std::string value : {"false", "null", "1", "\"yes\"", "{}", "[true]"}) {
        CAPTURE(value);
        const auto identity = decodeIdentity(R"({"tls_v1":)" + value + '}');
        REQUIRE(identity);
        CHECK_FALSE(identity.value().tlsV1);
    }
}

TEST_CASE("Escapes are undone") {
    const auto identity = decodeIdentity(R"({"hostn\u0061me":"\u00e9\ud83d\ude00\/\t"})");
    REQUIRE(identity);
    CHECK(identity.value().hostname == "\xc3\xa9\xf0\x9f\x98\x80/\t");
}

TEST_CASE("Without one of the four fields nsqlookupd wants an identity is not complete") {
    const std::string fields[] = {R"("broadcast_address":"b")", R"("tcp_port":1)", R"("http_port":2)",
                                  R"("version":"1")"};
    for (const std::string& missing : fields) {
        std::string body;
        for (const std::string& field : fields) {
            if (field != missing) body += (body.empty() ? "" : ",") + field;
        }
        CAPTURE(body);
        const auto identity = decodeIdentity('{' + body + '}');
        REQUIRE(identity);
        CHECK_FALSE(identity.value().isComplete());
    }
    for (const char* none : {"{}", "null"}) {
        CAPTURE(none);
        const auto identity = decodeIdentity(none);
        REQUIRE(identity);
        CHECK_FALSE(identity.value().isComplete());
    }
}

TEST_CASE("What is no JSON object with these types is refused") {
    for (const std::string body : {"",
                                   "{",
                                   "[]",
                                   "1",
                                   "\"x\"",
                                   R"({"tcp_port":"1"})",
                                   R"({"tcp_port":1.5})",
                                   R"({"tcp_port":true})",
                                   R"({"tcp_port":99999999999999999999})",
                                   R"({"hostname":5})",
                                   R"({"remote_address":5})",
                                   R"({"version":{}})",
                                   R"({"version":["1"]})",
                                   R"({"tcp_port":1} x)",
                                   "{\"hostname\":\"\xff\"}",
                                   "{\"x\":\"\xc0\xaf\"}",
                                   "{\"hostname\":\"\xed\xa0\x80\"}",
                                   "{\"hostname\":\"\xf4\x90\x80\x80\"}",
                                   "{\"\xe2\x82\":1}",
                                   R"({"hostname":"\ud83d"})",
                                   R"({"hostname":"\ude00\ud83d"})"}) {
        CAPTURE(body);
        CHECK_FALSE(decodeIdentity(body));
    }
    CHECK_FALSE(decodeIdentity(R"({"x":)" + std::string(100'000, '[')));
}

}  // namespace nsq::lookupd::test
