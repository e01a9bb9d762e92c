#include "http/http_server.h"

#include <Poco/Net/SocketAddress.h>
#include <Poco/Net/StreamSocket.h>
#include <spdlog/sinks/null_sink.h>

#include <catch2/catch.hpp>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "session_fixture.h"

namespace nsq::http::test {

namespace {

using Poco::Net::StreamSocket;

const std::string kGet = "GET /get HTTP/1.1\r\nHost: h\r\n\r\n";

/// Loops and a server on a port of its own.
struct Server {
    Server() {
        REQUIRE(router.add(echoRoute("GET", "/get")));
        REQUIRE(router.add(echoRoute("POST", "/post")));
    }

    void start() {
        loops.start();
        server.start();
    }

    ~Server() {
        server.stop();
        loops.closeConnections();
        loops.stop();
    }

    StreamSocket connect() const {
        StreamSocket client(socket.address());
        client.setReceiveTimeout(Poco::Timespan(10, 0));
        return client;
    }

    spdlog::logger logger{"test", std::make_shared<spdlog::sinks::null_sink_mt>()};
    Router router;
    net::LoopGroup loops{2, logger};
    Poco::Net::ServerSocket socket{Poco::Net::SocketAddress("127.0.0.1", 0)};
    HttpServer server{{{socket}}, loops, router, logger};
};

void sendAll(StreamSocket& socket, const std::string& text) {
    socket.sendBytes(text.data(), static_cast<int>(text.size()));
}

/// Reads until `end` was read or the server closed.
std::string readUntil(StreamSocket& socket, const std::string& end) {
    std::string text;
    char piece[4096];
    while (text.find(end) == std::string::npos) {
        const int count = socket.receiveBytes(piece, sizeof piece);
        if (count <= 0) break;
        text.append(piece, static_cast<std::size_t>(count));
    }
    return text;
}

}  // namespace

TEST_CASE("The server answers while many connections are idle or slow") {
    Server server;
    server.start();
    std::vector<StreamSocket> others;
    for (int i = 0; i < 200; ++i) {
        others.push_back(server.connect());
        if (i % 2 == 0) sendAll(others.back(), "GET /get HT");
    }
    StreamSocket socket = server.connect();
    for (int i = 0; i < 3; ++i) {
        sendAll(socket, kGet);
        CHECK(readUntil(socket, "GET /get | ").starts_with("HTTP/1.1 200 OK\r\n"));
    }
    for (std::size_t i = 0; i < others.size(); i += 2) {
        sendAll(others[i], "TP/1.1\r\nHost: h\r\n\r\n");
        CHECK(readUntil(others[i], "GET /get | ").starts_with("HTTP/1.1 200 OK\r\n"));
    }
}

TEST_CASE("A client that sends a body that is too large can read why") {
    Server server;
    server.start();
    StreamSocket socket = server.connect();
    sendAll(socket, "POST /post HTTP/1.1\r\nHost: h\r\nContent-Length: 4000000\r\n\r\n" +
                        std::string(4'000'000, 'x'));
    CHECK(readUntil(socket, "no more than that").starts_with("HTTP/1.1 413 Request Entity Too Large\r\n"));
}

TEST_CASE("Many clients at once get their own answers") {
    Server server;
    server.start();
    std::vector<std::future<bool>> clients;
    for (int client = 0; client < 8; ++client) {
        clients.push_back(std::async(std::launch::async, [&server, client] {
            StreamSocket socket = server.connect();
            for (int i = 0; i < 100; ++i) {
                const std::string body = std::to_string(client * 1000 + i) + '.';
                sendAll(socket, "POST /post HTTP/1.1\r\nHost: h\r\nContent-Length: " +
                                    std::to_string(body.size()) + "\r\n\r\n" + body);
                if (!readUntil(socket, body).ends_with("POST /post | " + body)) return false;
            }
            return true;
        }));
    }
    for (std::future<bool>& client : clients) CHECK(client.get());
}

TEST_CASE("Stopping answers what is in hand and accepts no more") {
    Server server;
    std::promise<void> entered;
    std::promise<void> open;
    sdk::HttpRoute slow = echoRoute("GET", "/slow");
    slow.handler = [&](const sdk::HttpRequest&) {
        entered.set_value();
        open.get_future().wait();
        return sdk::HttpResponse{};
    };
    REQUIRE(server.router.add(slow));
    server.start();
    StreamSocket socket = server.connect();
    sendAll(socket, "GET /slow HTTP/1.1\r\nHost: h\r\n\r\n");
    entered.get_future().wait();
    std::thread opener([&] { open.set_value(); });
    server.server.stop();
    opener.join();
    CHECK_THROWS(server.connect());
    CHECK(readUntil(socket, "\r\n\r\n").starts_with("HTTP/1.1 200 OK\r\n"));
    sendAll(socket, kGet);
    CHECK(readUntil(socket, "\r\n\r\n").starts_with("HTTP/1.1 503 Service Unavailable\r\n"));
}

}  // namespace nsq::http::test
