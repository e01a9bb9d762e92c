#include "cluster/lookupd_http.h"

#include <Poco/Net/ServerSocket.h>
#include <Poco/Net/StreamSocket.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <thread>

namespace nsq::cluster {
namespace {

using namespace std::chrono_literals;

constexpr HttpTimeouts kPatient{20s, 20s};

/// Answers so many requests over a connection, then closes it without having said so. One connection at a
/// time.
class HttpServer {
public:
    HttpServer(std::string answer, int requests)
        : answer_(std::move(answer)), requests_(requests), thread_([this] { run(); }) {}
    ~HttpServer() {
        stopping_ = true;
        thread_.join();
    }

    options::HostAndPort address() const { return {"127.0.0.1", socket_.address().port()}; }
    int connections() const { return connections_; }

private:
    static constexpr int kMoment = 10'000;  // microseconds

    void run() {
        while (!stopping_) {
            if (!socket_.poll(Poco::Timespan{0, kMoment}, Poco::Net::Socket::SELECT_READ)) continue;
            ++connections_;
            serve(socket_.acceptConnection());
        }
    }

    void serve(Poco::Net::StreamSocket client) {
        for (int i = 0; i < requests_;) {
            if (stopping_) return;
            if (!client.poll(Poco::Timespan{0, kMoment}, Poco::Net::Socket::SELECT_READ)) continue;
            char request[4096];
            const int got = client.receiveBytes(request, sizeof request);
            if (got <= 0) return;
            client.sendBytes(answer_.data(), static_cast<int>(answer_.size()));
            const std::string_view text{request, static_cast<std::size_t>(got)};
            if (text.find("Connection: Close") != std::string_view::npos) return;
            ++i;
        }
    }

    const std::string answer_;
    const int requests_;
    std::atomic<int> connections_{0};
    std::atomic<bool> stopping_{false};
    Poco::Net::ServerSocket socket_{Poco::Net::SocketAddress{"127.0.0.1", 0}};
    std::thread thread_;
};

const std::string kAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";

/// Asks three times.
void askThrice(LookupdHttp& http, const HttpServer& server) {
    for (int i = 0; i < 3; ++i) {
        const auto body = http.get(server.address(), "/channels?topic=t");
        REQUIRE(body);
        CHECK(body.value() == "{}");
    }
}

TEST_CASE("a connection is kept from one question to the next", "[cluster]") {
    const net::Interrupt interrupt;
    LookupdHttp http{kPatient, interrupt};
    const HttpServer server{kAnswer, 100};
    askThrice(http, server);
    CHECK(server.connections() == 1);
    http.close();
    askThrice(http, server);
    CHECK(server.connections() == 2);
}

TEST_CASE("a connection that was closed meanwhile is no reason to fail", "[cluster]") {
    const net::Interrupt interrupt;
    LookupdHttp http{kPatient, interrupt};
    const std::string answer = GENERATE_COPY(as<std::string>{}, kAnswer, "HTTP/1.1 200 OK\r\n\r\n{}",
                                             "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}");
    const HttpServer server{answer, 1};
    askThrice(http, server);
    CHECK(server.connections() == 3);
}

TEST_CASE("another host is another connection", "[cluster]") {
    const net::Interrupt interrupt;
    LookupdHttp http{kPatient, interrupt};
    const HttpServer first{kAnswer, 100};
    const HttpServer second{kAnswer, 100};
    askThrice(http, first);
    askThrice(http, second);
    CHECK(first.connections() == 1);
    CHECK(second.connections() == 1);
}

TEST_CASE("what says nothing has its time, and an interrupt ends it", "[cluster]") {
    net::Interrupt interrupt;
    const HttpServer silent{"", 100};
    LookupdHttp hurried{{20s, 5ms}, interrupt};
    CHECK_THROWS_AS(hurried.get(silent.address(), "/"), Poco::TimeoutException);
    LookupdHttp patient{kPatient, interrupt};
    const HttpServer other{"", 100};
    std::thread stop{[&] {
        while (other.connections() == 0) std::this_thread::yield();
        interrupt.raise();
    }};
    CHECK_THROWS_AS(patient.get(other.address(), "/"), Poco::IOException);
    stop.join();
}

TEST_CASE("an answer that is refused or too long is a failure", "[cluster]") {
    const net::Interrupt interrupt;
    LookupdHttp http{kPatient, interrupt};
    const HttpServer missing{"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 1};
    CHECK(http.get(missing.address(), "/").error().text == "got response 404");
    const HttpServer endless{"HTTP/1.1 200 OK\r\n\r\n" + std::string(3 << 20, ' '), 1};
    CHECK(http.get(endless.address(), "/").error().text == "the answer is too long");
}

}  // namespace
}  // namespace nsq::cluster
