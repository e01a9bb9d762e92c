#include <atomic>
#include <catch2/catch.hpp>
#include <future>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>

#include "session_fixture.h"

namespace nsq::http::test {

namespace {

const std::string kBlock = "GET /block HTTP/1.1\r\nHost: h\r\n\r\n";

/// A route whose handler waits until it is let go.
struct Gate {
    sdk::HttpRoute route() {
        sdk::HttpRoute made = echoRoute("GET", "/block");
        made.handler = [this](const sdk::HttpRequest&) {
            enter();
            return sdk::HttpResponse{};
        };
        return made;
    }

    void enter() {
        ++entered;
        entered.notify_all();
        opened.wait();
    }

    void waitForEntry(int count) {
        for (int now = entered; now < count; now = entered) entered.wait(now);
    }

    std::atomic<int> entered{0};
    std::promise<void> open;
    std::shared_future<void> opened = open.get_future().share();
};

}  // namespace

TEST_CASE("An exception out of a handler becomes the fallback and a log line") {
    SessionFixture http;
    sdk::HttpFallback fallback = http.router.fallback();
    fallback.internalError = {500, "text/plain", "oops", {}};
    http.router.setFallback(fallback);
    sdk::HttpRoute route = echoRoute("GET", "/throw");
    route.handler = [](const sdk::HttpRequest&) -> sdk::HttpResponse { throw std::runtime_error("a bug"); };
    http.add(route);
    CHECK(http.request("GET /throw HTTP/1.1\r\nHost: h\r\n\r\n") ==
          "HTTP/1.1 500 Internal Server Error\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\noops");
    CHECK_FALSE(http.connection.closed());
    CHECK(http.log.str().find("HTTP GET /throw: the handler of plugin testing failed: a bug") !=
          std::string::npos);
}

TEST_CASE("A response that cannot be written closes its connection, and those of the same turn are written") {
    SessionFixture http;
    sdk::HttpRoute quick = echoRoute("GET", "/quick");
    quick.isQuick = true;
    http.add(quick);
    const std::string request = "GET /quick HTTP/1.1\r\nHost: h\r\n\r\n";
    SessionFixture::Other other{http};
    http.send(request);
    other.session.onData(sdk::asBytes(request));
    http.connection.fails = true;
    REQUIRE(http.loop.runOne());
    CHECK(http.connection.closed());
    CHECK(other.connection.takeOutput().ends_with("GET /quick | "));
    CHECK(http.log.str().find("the response could not be written: std::bad_alloc") != std::string::npos);
}

TEST_CASE("A quick route is answered on the loop, though all workers are busy") {
    SessionFixture http(1, 1);
    Gate gate;
    http.add(gate.route());
    sdk::HttpRoute quick = echoRoute("GET", "/quick");
    quick.isQuick = true;
    quick.handler = [echo = quick.handler,
                     here = std::this_thread::get_id()](const sdk::HttpRequest& request) {
        if (std::this_thread::get_id() != here) throw std::runtime_error("on a worker");
        return echo(request);
    };
    http.add(quick);
    SessionFixture::Other blocked{http};
    blocked.session.onData(sdk::asBytes(kBlock));
    gate.waitForEntry(1);
    std::string requests;
    std::string expected;
    for (int i = 0; i < 100; ++i) {
        requests += "GET /quick?i=" + std::to_string(i) + " HTTP/1.1\r\nHost: h\r\n\r\n";
        expected += okText("GET /quick i=" + std::to_string(i) + " | ");
    }
    http.send(requests);
    CHECK(http.receive(100) == expected);
    gate.open.set_value();
    while (blocked.connection.takeOutput().empty()) REQUIRE(http.loop.runOne());
}

TEST_CASE("A full queue is answered with 503") {
    SessionFixture http(1, 1);
    Gate gate;
    http.add(gate.route());
    FakeConnection second{http.loop};
    HttpSession secondSession{second, http.service, http.home};
    http.send(kBlock);
    gate.waitForEntry(1);
    secondSession.onData(sdk::asBytes(kBlock));
    CHECK(second.output().empty());

    FakeConnection third{http.loop};
    HttpSession thirdSession{third, http.service, http.home};
    thirdSession.onData(sdk::asBytes(kBlock));
    const std::string refusal = third.takeOutput();
    CHECK(refusal.starts_with("HTTP/1.1 503 Service Unavailable\r\n"));
    CHECK_FALSE(third.closed());

    gate.open.set_value();
    CHECK(http.receive().starts_with("HTTP/1.1 200 OK"));
    while (second.output().empty() && http.loop.runOne()) continue;
    CHECK(second.takeOutput().starts_with("HTTP/1.1 200 OK"));
}

TEST_CASE("A connection may go before its response comes") {
    SessionFixture http;
    Gate gate;
    http.add(gate.route());
    http.send(kBlock);
    gate.waitForEntry(1);
    http.session.reset();
    gate.open.set_value();
    REQUIRE(http.loop.runOne());
    CHECK(http.connection.output().empty());
}

TEST_CASE("A response nobody takes any more is dropped with its queue") {
    Gate gate;
    SessionFixture http;
    http.add(gate.route());
    http.send(kBlock);
    gate.waitForEntry(1);
    gate.open.set_value();
    http.workers.stop();
    http.loop.cancel(http.home);
    CHECK(http.connection.output().empty());
}

TEST_CASE("A pool tells of all whose code its jobs are in, and of each once") {
    struct Busy final : Job {
        Busy(Gate& itsGate, faults::CodeOwner& itsOwner) : gate(itsGate), owner(itsOwner) {}
        void run() override {
            const faults::Calling calling(faults::Caller{&owner});
            gate.enter();
        }
        Gate& gate;
        faults::CodeOwner& owner;
    };
    faults::CodeOwner one("one", "");
    faults::CodeOwner two("two", "");
    Gate gate;
    WorkerPool pool(4, 8);
    pool.start();
    CHECK(pool.busyWith().empty());
    for (faults::CodeOwner* owner : {&one, &two, &two}) {
        REQUIRE(pool.submit(std::make_shared<Busy>(gate, *owner)));
    }
    gate.waitForEntry(3);
    CHECK(pool.busyWith() == std::set{&one, &two});
    gate.open.set_value();
    pool.stop();
    CHECK(pool.busyWith().empty());
}

TEST_CASE("A pool that stops runs what it accepted and takes no more") {
    WorkerPool pool(1, 8);
    struct Count final : Job {
        explicit Count(std::atomic<int>& runs) : runs(runs) {}
        void run() override { ++runs; }
        std::atomic<int>& runs;
    };
    std::atomic<int> runs{0};
    for (int i = 0; i < 8; ++i) REQUIRE(pool.submit(std::make_shared<Count>(runs)));
    CHECK_FALSE(pool.submit(std::make_shared<Count>(runs)));
    pool.start();
    pool.stop();
    CHECK(runs == 8);
    CHECK_FALSE(pool.submit(std::make_shared<Count>(runs)));
}

}  // namespace nsq::http::test
