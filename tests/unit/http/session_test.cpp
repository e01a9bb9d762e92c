#include <array>
#include <catch2/catch.hpp>
#include <string>

#include "session_fixture.h"

namespace nsq::http::test {

namespace {

const std::string kGet = "GET /get HTTP/1.1\r\nHost: h\r\n\r\n";

}  // namespace

TEST_CASE("A request is answered and the connection stays open") {
    SessionFixture http;
    CHECK(http.request(kGet) == okText("GET /get | "));
    CHECK(http.request(kGet) == okText("GET /get | "));
    CHECK_FALSE(http.connection.closed());
}

TEST_CASE("Where clients must use another way in, every request gets the same answer") {
    SessionFixture http;
    http.service.refusal = std::make_shared<const sdk::HttpResponse>(
        sdk::HttpResponse{403, "application/json; charset=utf-8", "{\"message\":\"TLS_REQUIRED\"}", {}});
    const std::string refused =
        "HTTP/1.1 403 Forbidden\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: 26\r\n";
    const std::string body = "\r\n{\"message\":\"TLS_REQUIRED\"}";
    CHECK(http.request(kGet) == refused + body);
    CHECK(http.request("GET /nowhere HTTP/1.1\r\nHost: h\r\n\r\n") == refused + body);
    CHECK(http.request("POST /post HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc") ==
          refused + "Connection: close\r\n" + body);
    CHECK(http.connection.closed());
}

TEST_CASE("The parts of a request come decoded") {
    SessionFixture http;
    CHECK(http.request(
              "PUT /option/log%5flevel?a=1%202&b=+ HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc") ==
          okText("PUT /option/log_level log_level a=1 2 b=  | abc"));
    CHECK(http.request("GET http://h/get?x=%zz HTTP/1.1\r\nHost: h\r\n\r\n") ==
          okText("GET /get badQuery | "));
}

TEST_CASE("A request may come byte by byte") {
    SessionFixture http;
    http.sendSlowly(kGet);
    CHECK(http.receive() == okText("GET /get | "));
    http.sendSlowly("POST /post HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello");
    CHECK(http.receive() == okText("POST /post | hello"));
    http.sendSlowly(
        "POST /post HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
        "5;x=y\r\nhello\r\n01\r\n!\r\n0\r\nTrailer: x\r\n\r\n");
    CHECK(http.receive() == okText("POST /post | hello!"));
    CHECK(http.left() == 0);
}

TEST_CASE("Pipelined requests are answered in order") {
    SessionFixture http;
    std::string requests;
    std::string expected;
    for (int i = 0; i < 20; ++i) {
        const std::string body = std::to_string(i);
        requests += "POST /post HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(body.size()) +
                    "\r\n\r\n" + body + (i % 3 == 0 ? "\r\n" : "");
        expected += okText("POST /post | " + body);
    }
    http.send(requests);
    CHECK(http.receive(20) == expected);
    CHECK(http.left() == 0);
}

TEST_CASE("A large body is sent as it is, and freed then") {
    SessionFixture http;
    std::string body(1024 * 1024, 'x');
    body.back() = 'y';
    sdk::HttpRoute route = echoRoute("GET", "/large");
    const std::byte* made = nullptr;
    route.handler = [&](const sdk::HttpRequest&) {
        sdk::HttpResponse response;
        response.body = body;
        made = sdk::asBytes(response.body).data();
        return response;
    };
    http.add(route);
    http.send("GET /large HTTP/1.1\r\nHost: h\r\n\r\n");
    while (http.connection.output().empty()) REQUIRE(http.loop.runOne());
    std::array<sdk::Bytes, 4> pieces;
    const std::size_t count = http.connection.output().peek(pieces);
    CHECK(pieces.at(count - 1).data() == made);
    CHECK(http.receive() == okText(body));
    CHECK(http.request(kGet) == okText("GET /get | "));
}

TEST_CASE("HEAD is GET without the body") {
    SessionFixture http;
    CHECK(http.request("HEAD /get HTTP/1.1\r\nHost: h\r\n\r\n") ==
          "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 12\r\n\r\n");
    CHECK(http.request("HEAD /post HTTP/1.1\r\nHost: h\r\n\r\n") ==
          "HTTP/1.1 405 Method Not Allowed\r\nContent-Type: text/plain; charset=utf-8\r\n"
          "Allow: OPTIONS, POST\r\nContent-Length: 19\r\n\r\n");
    CHECK(http.request("HEAD /get HTTP/1.1\r\nHost: h\r\nExpect: x\r\n\r\n").ends_with("\r\n\r\n"));
    CHECK(http.connection.closed());
}

TEST_CASE("OPTIONS tells the methods") {
    SessionFixture http;
    CHECK(http.request("OPTIONS /option/x HTTP/1.1\r\nHost: h\r\n\r\n") ==
          "HTTP/1.1 200 OK\r\nAllow: GET, HEAD, OPTIONS, PUT\r\nContent-Length: 0\r\n\r\n");
    CHECK(http.request("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n") ==
          "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    CHECK(
        http.request("OPTIONS /nope HTTP/1.1\r\nHost: h\r\n\r\n").starts_with("HTTP/1.1 404 Not Found\r\n"));
}

TEST_CASE("Unknown paths and methods get the fallback") {
    SessionFixture http;
    CHECK(http.request("GET /nope HTTP/1.1\r\nHost: h\r\n\r\n") ==
          "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 10\r\n\r\n"
          "not found\n");
    CHECK(http.request("FOO /get HTTP/1.1\r\nHost: h\r\n\r\n")
              .starts_with("HTTP/1.1 405 Method Not Allowed\r\nContent-Type: text/plain; charset=utf-8\r\n"
                           "Allow: GET, HEAD, OPTIONS\r\n"));
    CHECK(http.request("GET * HTTP/1.1\r\nHost: h\r\n\r\n").starts_with("HTTP/1.1 404 "));
    CHECK_FALSE(http.connection.closed());
}

TEST_CASE("An unknown path is answered before its body comes, and closes") {
    SessionFixture http;
    http.send("POST /nope HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n");
    CHECK(http.receive().find("404 Not Found") != std::string::npos);
    CHECK(http.connection.closed());
}

TEST_CASE("A path that was nearly right is redirected") {
    SessionFixture http;
    CHECK(http.request("GET //get/?a=%20 HTTP/1.1\r\nHost: h\r\n\r\n") ==
          "HTTP/1.1 301 Moved Permanently\r\nLocation: /get?a=%20\r\nContent-Length: 0\r\n\r\n");
    CHECK(http.request("GET //option/a%0d%0ab: HTTP/1.1\r\nHost: h\r\n\r\n")
              .starts_with("HTTP/1.1 301 Moved Permanently\r\nLocation: /option/a%0D%0Ab:\r\n"));
    CHECK(http.request("POST /post/ HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n") ==
          "HTTP/1.1 307 Temporary Redirect\r\nLocation: /post\r\nContent-Length: 0\r\nConnection: "
          "close\r\n\r\n");
}

TEST_CASE("A connection is kept or closed as the client wants") {
    SessionFixture http;
    SECTION("HTTP/1.0 closes") {
        CHECK(http.request("GET /get HTTP/1.0\r\n\r\n") ==
              "HTTP/1.0 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 11\r\n"
              "Connection: close\r\n\r\nGET /get | ");
        CHECK(http.connection.closed());
    }
    SECTION("HTTP/1.0 with keep-alive stays") {
        CHECK(http.request("GET /get HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n")
                  .find("Connection: keep-alive\r\n") != std::string::npos);
        CHECK_FALSE(http.connection.closed());
    }
    SECTION("HTTP/1.1 with close closes, and what follows is not answered") {
        http.send("GET /get HTTP/1.1\r\nHost: h\r\nConnection: foo, close\r\n\r\n" + kGet);
        const std::string answer = http.receive(2);
        CHECK(answer.find("Connection: close\r\n") != std::string::npos);
        CHECK(answer.find("HTTP/1.1", 1) == std::string::npos);
        CHECK(http.connection.closed());
    }
}

TEST_CASE("Expect: 100-continue is answered") {
    SessionFixture http;
    const std::string head = "POST /post HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: ";
    SECTION("with 100 when the body is welcome") {
        http.send(head + "3\r\n\r\n");
        CHECK(http.connection.takeOutput() == "HTTP/1.1 100 Continue\r\n\r\n");
        CHECK(http.request("abc") == okText("POST /post | abc"));
    }
    SECTION("with nothing when the body is on its way") {
        CHECK(http.request(head + "3\r\n\r\nabc") == okText("POST /post | abc"));
    }
    SECTION("with nothing when there is no body") {
        CHECK(http.request(head + "0\r\n\r\n") == okText("POST /post | "));
    }
    SECTION("with 413 when the body is too large") {
        http.send(head + "101\r\n\r\n");
        CHECK(http.connection.takeOutput().starts_with("HTTP/1.1 413 Request Entity Too Large\r\n"));
        CHECK(http.connection.closed());
    }
    SECTION("with 417 when something else is expected") {
        CHECK(http.request("GET /get HTTP/1.1\r\nHost: h\r\nExpect: x\r\n\r\n").starts_with("HTTP/1.1 417 "));
        CHECK(http.connection.closed());
    }
}

TEST_CASE("A request that waits for room is answered after the client's end") {
    SessionFixture http;
    http.send(kGet + kGet);
    CHECK(http.session->onInputEnd());
    http.connection.room = 0;
    CHECK(http.receive() == okText("GET /get | "));
    http.pass(std::chrono::seconds{1});
    http.pass(std::chrono::seconds{1});
    CHECK_FALSE(http.connection.closed());
    http.connection.room = 1000;
    http.session->onOutputDrained();
    http.giveLeft();
    CHECK(http.receive() == okText("GET /get | "));
    http.pass(std::chrono::seconds{1});
    CHECK(http.connection.closed());
}

TEST_CASE("Requests wait while the client does not read") {
    SessionFixture http;
    http.connection.room = 0;
    http.send(kGet + kGet);
    CHECK(http.left() == 2 * kGet.size());
    CHECK(http.session->onInputEnd());
    http.connection.room = 1000;
    http.session->onOutputDrained();
    REQUIRE(http.connection.resumed);
    http.giveLeft();
    CHECK(http.receive(2) == okText("GET /get | ") + okText("GET /get | "));
}

TEST_CASE("A client that closed its side still gets its answers") {
    SessionFixture http;
    CHECK_FALSE(http.session->onInputEnd());
    http.send(kGet + kGet);
    REQUIRE(http.session->onInputEnd());
    CHECK(http.receive(2) == okText("GET /get | ") + okText("GET /get | "));
    CHECK_FALSE(http.connection.closed());
    http.pass(std::chrono::milliseconds{1});
    CHECK(http.connection.closed());
}

}  // namespace nsq::http::test
