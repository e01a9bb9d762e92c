#include <catch2/catch.hpp>
#include <list>
#include <string>

#include "session_fixture.h"

namespace nsq::http::test {

using namespace std::chrono_literals;
using namespace std::string_literals;

namespace {

const std::string kGet = "GET /get HTTP/1.1\r\nHost: h\r\n\r\n";
const std::string kPost = "POST /post HTTP/1.1\r\nHost: h\r\n";

bool refused(SessionFixture& http, const std::string& answer, int status) {
    return answer.starts_with("HTTP/1.1 " + std::to_string(status) + ' ') &&
           answer.find("Connection: close\r\n") != std::string::npos && http.connection.closed();
}

}  // namespace

TEST_CASE("A body may be as large as its route allows") {
    SessionFixture http;
    const std::string most(100, 'x');
    CHECK(http.request(kPost + "Content-Length: 100\r\n\r\n" + most).ends_with(most));
    CHECK(http.request(kPost + "Transfer-Encoding: chunked\r\n\r\n64\r\n" + most + "\r\n0\r\n\r\n")
              .ends_with(most));
    const std::string answer = http.request(kPost + "Content-Length: 101\r\n\r\n");
    CHECK(refused(http, answer, 413));
    CHECK(answer.ends_with("\r\n\r\nno more than that"));
}

TEST_CASE("A chunked body is cut off where it becomes too large") {
    SessionFixture http;
    http.send(kPost + "Transfer-Encoding: chunked\r\n\r\n60\r\n" + std::string(96, 'x') + "\r\n5\r\n");
    const std::string answer = http.receive();
    CHECK(refused(http, answer, 413));
    CHECK(answer.ends_with("no more than that"));
    http.send("more of it");
    CHECK(http.connection.takeOutput().empty());
}

TEST_CASE("A chunk's size line or a trailer without end is refused, not waited for") {
    const std::string chunked = kPost + "Transfer-Encoding: chunked\r\n\r\n";
    for (const std::string& begin : {chunked + "1;", chunked + "0\r\nTrailer: "}) {
        SessionFixture http;
        http.send(begin);
        CHECK_FALSE(http.connection.closed());
        http.send(std::string(HttpSession::kMaxHead, 'x'));
        CHECK(refused(http, http.receive(), 400));
    }
}

TEST_CASE("All bodies together are bounded") {
    constexpr std::size_t kAll = 1000 * 1000;
    constexpr std::size_t kLargest = kAll / 4;
    SessionFixture http(1, 1, kAll);
    http.add(echoRoute("POST", "/large", kLargest));
    const std::string head = "POST /large HTTP/1.1\r\nHost: h\r\n";
    const std::string most(kLargest - 1, 'x');
    const std::string announced = head + "Content-Length: 250000\r\n\r\n" + most;
    const std::string chunked = head + "Transfer-Encoding: chunked\r\n\r\n3d090\r\n" + most;
    std::list<SessionFixture::Other> others;
    for (std::size_t held = 0; held + kLargest <= kAll; held += most.size() - BodyShare::kFree) {
        others.emplace_back(http).session.onData(sdk::asBytes(others.size() % 2 == 0 ? announced : chunked));
        REQUIRE_FALSE(others.back().connection.closed());
    }
    for (const std::string& tooMuch : {announced, chunked}) {
        http.send(tooMuch);
        CHECK(refused(http, http.receive(), 503));
        http.reopen();
    }
    // Small messages go on.
    CHECK(http.request(kPost + "Content-Length: 1\r\n\r\nx").ends_with("POST /post | x"));

    // What clients that left, or were answered, have held is free again.
    others.clear();
    CHECK(http.request(announced + 'x').starts_with("HTTP/1.1 200 OK"));
    http.workers.stop();
    CHECK(http.bodies.take(kAll, 0));
}

TEST_CASE("Four of the largest bodies fit, however little there is for all") {
    BodyBudget bodies(10);
    for (int i = 0; i < 4; ++i) CHECK(bodies.take(5, 5));
    CHECK_FALSE(bodies.take(1, 5));
    bodies.give(5);
    CHECK_FALSE(bodies.take(1, 0));
    CHECK(bodies.take(5, 5));
}

TEST_CASE("A route without a body refuses one") {
    SessionFixture http;
    http.add(echoRoute("POST", "/empty", 0));
    CHECK(http.request("POST /empty HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")
              .ends_with("POST /empty | "));
    CHECK(refused(http, http.request("POST /empty HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx"), 413));
}

TEST_CASE("A head may have 16 KB") {
    SessionFixture http;
    const std::string start = "GET /get HTTP/1.1\r\nHost: h\r\nX: ";
    const std::size_t padding = HttpSession::kMaxHead - start.size() - 4;
    SECTION("exactly") {
        CHECK(http.request(start + std::string(padding, 'x') + "\r\n\r\n").starts_with("HTTP/1.1 200 OK"));
    }
    SECTION("but not more") {
        CHECK(refused(http, http.request(start + std::string(padding + 1, 'x') + "\r\n\r\n"), 431));
    }
    SECTION("and an endless one is not waited for") {
        http.sendSlowly(start + std::string(padding + 4, 'x'));
        CHECK(refused(http, http.receive(), 431));
    }
}

TEST_CASE("Time is limited") {
    SessionFixture http;
    SECTION("between requests") {
        http.pass(59s);
        CHECK_FALSE(http.connection.closed());
        http.request(kGet);
        http.pass(59s);
        CHECK_FALSE(http.connection.closed());
        http.pass(1s);
        CHECK(http.connection.closed());
        CHECK(http.receive().empty());
    }
    SECTION("for a head, however steadily it comes") {
        for (int i = 0; i < 9; ++i) {
            http.send("G");
            http.pass(1s);
        }
        CHECK_FALSE(http.connection.closed());
        http.send("G");
        http.pass(1s);
        CHECK(refused(http, http.receive(), 408));
    }
    SECTION("for the next piece of a body") {
        http.add(echoRoute("POST", "/large", 1000 * 1000));
        http.send("POST /large HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\na");
        http.pass(29s);
        http.send(std::string(500 * 1000, 'b'));
        http.pass(29s);
        CHECK_FALSE(http.connection.closed());
        http.pass(1s);
        CHECK(refused(http, http.receive(), 408));
    }
    SECTION("for a whole body, by its size: bytes that trickle in do not hold what has come") {
        http.send(kPost + "Content-Length: 100\r\n\r\na");
        for (int i = 0; i < 29; ++i) {
            http.pass(1s);
            http.send("b");
        }
        CHECK_FALSE(http.connection.closed());
        http.pass(2s);
        CHECK(refused(http, http.receive(), 408));
    }
    SECTION("for a client that takes no output, but not for a slow one") {
        http.connection.output().write(sdk::asBytes("response"));
        http.pass(60s);
        CHECK_FALSE(http.connection.closed());
        http.connection.output().consume(1);
        http.pass(60s);
        CHECK_FALSE(http.connection.closed());
        http.pass(60s);
        CHECK(http.connection.closed());
    }
    SECTION("and the same where a filter holds the output") {
        http.connection.filtered = 2;
        http.pass(60s);
        CHECK_FALSE(http.connection.closed());
        http.connection.filtered = 1;
        http.pass(60s);
        CHECK_FALSE(http.connection.closed());
        http.pass(60s);
        CHECK(http.connection.closed());
    }
}

TEST_CASE("Ambiguous and malformed requests are refused") {
    const std::string chunked = "Transfer-Encoding: chunked\r\n";
    const std::pair<std::string, int> cases[] = {
        {kPost + "Content-Length: 1\r\n" + chunked + "\r\n1\r\nx\r\n0\r\n\r\n", 400},
        {kPost + chunked + "Content-Length: 1\r\n\r\n1\r\nx\r\n0\r\n\r\n", 400},
        {kPost + "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx", 400},
        {kPost + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nx", 400},
        {kPost + "Content-Length: 1, 1\r\n\r\nx", 400},
        {kPost + "Content-Length: +1\r\n\r\nx", 400},
        {kPost + "Content-Length: -1\r\n\r\nx", 400},
        {kPost + "Content-Length: 0x1\r\n\r\nx", 400},
        {kPost + "Content-Length: \r\n\r\nx", 400},
        {kPost + "Content-Length: 99999999999999999999999\r\n\r\nx", 400},
        {kPost + "Content-Length : 1\r\n\r\nx", 400},
        {kPost + chunked + chunked + "\r\n0\r\n\r\n", 400},
        {kPost + "Transfer-Encoding: gzip\r\n\r\n", 501},
        {kPost + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501},
        {kPost + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 501},
        {"POST /post HTTP/1.0\r\n" + chunked + "\r\n0\r\n\r\n", 400},
        {kPost + chunked + "\r\nzz\r\n", 400},
        {kPost + chunked + "\r\n-1\r\n", 400},
        {kPost + chunked + "\r\n 1\r\nx\r\n", 400},
        {kPost + chunked + "\r\n11111111111111111\r\nx\r\n", 400},
        {kPost + chunked + "\r\n1\nx\n0\r\n\r\n", 400},
        {kPost + chunked + "\r\n1\r\nxy\r\n0\r\n\r\n", 400},
        {kPost + "X: a\r\n b\r\n\r\n", 400},
        {kPost + "X: a\r\n\tb\r\n\r\n", 400},
        {" GET /get HTTP/1.1\r\nHost: h\r\n\r\n", 400},
        {"GET /get HTTP/1.1\nHost: h\n\n", 400},
        {"GET /get HTTP/1.1\r\nHost: h\n\r\n", 400},
        {"GET /get HTTP/1.1\r\nHost: h\rX: y\r\n\r\n", 400},
        {"GET /get HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n", 400},
        {"GET /get HTTP/1.1\r\n\r\n", 400},
        {"GET /get HTTP/1.1\r\nHost: h\r\nno colon\r\n\r\n", 400},
        {"GET /get HTTP/1.1\r\nHost: h\r\n: empty\r\n\r\n", 400},
        {"GET /get HTTP/1.1\r\nHost: h\r\nX: \0\r\n\r\n"s, 400},
        {"GET /get HTTP/2.0\r\nHost: h\r\n\r\n", 505},
        {"GET /get HTTP/1.2\r\nHost: h\r\n\r\n", 505},
        {"GET /get\r\n\r\n", 400},
        {"GET  /get HTTP/1.1\r\nHost: h\r\n\r\n", 400},
        {"GET get HTTP/1.1\r\nHost: h\r\n\r\n", 400},
        {"GET /g%zzet HTTP/1.1\r\nHost: h\r\n\r\n", 400},
        {"CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n", 400},
        {"garbage\r\n\r\n", 400},
        {"\n", 400},
        {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n"s, 400},
    };
    for (const auto& [bytes, status] : cases) {
        CAPTURE(bytes);
        SessionFixture http;
        http.send(bytes);
        CHECK(refused(http, http.receive(), status));
        SessionFixture slow;
        slow.sendSlowly(bytes);
        CHECK(refused(slow, slow.receive(), status));
    }
}

TEST_CASE("A request that is cut off anywhere waits for more") {
    const std::string whole = kPost + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    for (std::size_t size = 1; size < whole.size(); ++size) {
        SessionFixture http;
        http.send(whole.substr(0, size));
        CHECK_FALSE(http.connection.closed());
        CHECK(http.connection.output().empty());
        CHECK(http.left() <= http.session->maxPending());
        CHECK(http.request(whole.substr(size)).ends_with("POST /post | abc"));
    }
}

}  // namespace nsq::http::test
