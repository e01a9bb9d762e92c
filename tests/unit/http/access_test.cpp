#include "http/access.h"

#include <catch2/catch.hpp>
#include <string>

#include "session_fixture.h"

namespace nsq::http::test {

namespace {

sdk::HttpRequest requestWith(std::string method, std::string authorization) {
    sdk::HttpRequest request;
    request.method = std::move(method);
    request.headers.emplace_back("authorization", std::move(authorization));
    return request;
}

const std::string kUnauthorized =
    "HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json; charset=utf-8\r\n"
    "X-NSQ-Content-Type: nsq; version=1.0\r\nWWW-Authenticate: Bearer\r\nContent-Length: "
    "26\r\n\r\n{\"message\":\"UNAUTHORIZED\"}";

std::string post(const std::string& path, const std::string& headers) {
    return "POST " + path + " HTTP/1.1\r\nHost: h\r\n" + headers + "Content-Length: 0\r\n\r\n";
}

}  // namespace

TEST_CASE("A token is born by the header that has exactly it") {
    const BearerToken token("s3cret");
    for (const auto* good : {"Bearer s3cret", "bearer s3cret", "BEARER   s3cret"}) {
        CAPTURE(good);
        CHECK(token.isBornBy(requestWith("POST", good)));
    }
    for (const auto* bad :
         {"", "Bearer", "Bearer ", "Bearer s3cre", "Bearer s3cret1", "Bearer s3crets3cret", "Bearer S3cret",
          "Bearer s3cret x", "Basic s3cret", "s3cret", "Bearers3cret", "Bear"}) {
        CAPTURE(bad);
        CHECK_FALSE(token.isBornBy(requestWith("POST", bad)));
    }
    CHECK_FALSE(token.isBornBy({}));
}

TEST_CASE("A token can be replaced") {
    BearerToken token("old");
    CHECK_FALSE(token.replace("old"));
    CHECK(token.replace("new"));
    CHECK(token.isBornBy(requestWith("POST", "Bearer new")));
    CHECK_FALSE(token.isBornBy(requestWith("POST", "Bearer old")));
}

TEST_CASE("What only reads is never refused, everything else is") {
    const BearerToken token("t");
    for (const Access& access : {Access{true, nullptr}, Access{false, &token}, Access{true, &token}}) {
        for (const auto* method : {"GET", "HEAD", "OPTIONS"}) {
            CHECK_FALSE(refusal(access, requestWith(method, "")));
        }
        for (const auto* method : {"POST", "PUT", "DELETE", "PATCH", "get", ""}) {
            CAPTURE(method);
            const auto refused = refusal(access, requestWith(method, ""));
            REQUIRE(refused);
            CHECK(refused->status == (access.readOnly ? 403 : 401));
        }
    }
    CHECK(refusal({true, &token}, requestWith("POST", "Bearer t")));
    CHECK_FALSE(refusal({false, &token}, requestWith("POST", "Bearer t")));
    CHECK_FALSE(refusal({}, requestWith("POST", "")));
}

TEST_CASE("A session refuses before it looks for a route") {
    const BearerToken token("t");
    SessionFixture http;
    http.service.access.token = &token;
    http.reopen();
    for (const auto* path : {"/post", "/get", "/unknown", "//post"}) {
        CAPTURE(path);
        CHECK(http.request(post(path, "")) == kUnauthorized);
    }
    CHECK(http.request(post("/post", "Authorization: Bearer t\r\n")) == okText("POST /post | "));
    CHECK(http.request("GET /get HTTP/1.1\r\nHost: h\r\n\r\n") == okText("GET /get | "));
    CHECK_FALSE(http.connection.closed());
}

TEST_CASE("The body of a refused request is not waited for") {
    SessionFixture http;
    http.service.access.readOnly = true;
    http.reopen();
    const std::string answer =
        http.request("POST /post HTTP/1.1\r\nHost: h\r\nContent-Length: 50\r\nExpect: 100-continue\r\n\r\n");
    CHECK(answer.starts_with("HTTP/1.1 403 Forbidden\r\n"));
    CHECK(answer.ends_with("{\"message\":\"READ_ONLY\"}"));
    CHECK(http.connection.closed());
}

}  // namespace nsq::http::test
