#pragma once

#include <spdlog/sinks/ostream_sink.h>

#include <cstddef>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>

#include "fake_connection.h"
#include "http/body_budget.h"
#include "http/http_session.h"

namespace nsq::http::test {

/// Answers `method path parameter a=1 b=2 | body` and takes 100 bytes.
inline sdk::HttpRoute echoRoute(std::string method, std::string path, std::size_t maxBody = 100) {
    sdk::HttpRoute route;
    route.method = std::move(method);
    route.path = std::move(path);
    route.maxBody = maxBody;
    route.tooLarge = {413, "text/plain", "no more than that", {}};
    route.handler = [](const sdk::HttpRequest& request) {
        sdk::HttpResponse response;
        response.body = request.method + ' ' + request.path;
        if (!request.pathParameter.empty()) response.body += ' ' + request.pathParameter;
        for (const auto& [name, value] : request.query) response.body += ' ' + name + '=' + value;
        if (request.badQuery) response.body += " badQuery";
        response.body += " | " + request.body;
        return response;
    };
    return route;
}

/// The answer with that body, without its date.
inline std::string okText(const std::string& body) {
    return "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: " +
           std::to_string(body.size()) + "\r\n\r\n" + body;
}

/// One HTTP connection without a socket; workers and their return are real.
class SessionFixture {
public:
    explicit SessionFixture(int threads = 2, std::size_t queueLimit = 16, std::size_t bodyBytes = 1024 * 1024)
        : bodies(bodyBytes), workers(threads, queueLimit) {
        add(echoRoute("GET", "/get"));
        add(echoRoute("POST", "/post"));
        add(echoRoute("GET", "/option/:name"));
        add(echoRoute("PUT", "/option/:name"));
        workers.start();
    }

    ~SessionFixture() { workers.stop(); }

    void add(sdk::HttpRoute route) {
        if (!router.add(std::move(route), "testing")) throw std::logic_error("route refused");
    }

    /// Gives bytes to the session as a loop does: what it left comes first.
    void send(std::string_view bytes) {
        left_ += bytes;
        giveLeft();
    }

    void sendSlowly(std::string_view bytes) {
        for (const char byte : bytes) send({&byte, 1});
    }

    /// Turns the loop until `count` responses have been written or the connection was closed; returns them
    /// with the Date headers cut out.
    std::string receive(int count = 1) {
        while (responses() < count && !connection.closed() && loop.runOne()) giveLeft();
        std::string text = takeAll();
        for (std::size_t at = text.find("Date: "); at != std::string::npos; at = text.find("Date: ", at)) {
            text.erase(at, text.find("\r\n", at) + 2 - at);
        }
        return text;
    }

    std::string request(std::string_view bytes) {
        send(bytes);
        return receive();
    }

    /// Lets time pass, and the timer run when its time has come.
    void pass(sdk::Clock::duration time) {
        loop.advance(time);
        if (connection.timer && *connection.timer <= loop.now()) {
            connection.timer.reset();
            session->onTimer();
        }
    }

    void giveLeft() {
        do {
            connection.resumed = false;
            if (!session || left_.empty() || connection.closed()) return;
            const std::size_t used = session->onData(sdk::asBytes(left_));
            left_.erase(0, used);
        } while (connection.resumed);
    }

    std::size_t left() const { return left_.size(); }

    /// The next client, with nothing sent yet.
    void reopen() {
        session.reset();
        connection.closeReason.reset();
        connection.timer.reset();
        left_.clear();
        session = std::make_unique<HttpSession>(connection, service, home);
    }

    /// A further connection to the same server.
    struct Other {
        explicit Other(SessionFixture& http)
            : connection(http.loop), session(connection, http.service, http.home) {}

        FakeConnection connection;
        HttpSession session;
    };

    std::ostringstream log;
    spdlog::logger logger{"test", std::make_shared<spdlog::sinks::ostream_sink_mt>(log)};
    Router router;
    BodyBudget bodies;
    WorkerPool workers;
    FakeLoop loop;
    FakeConnection connection{loop};
    ReturnQueue home{loop};
    HttpService service{router, workers, bodies, logger};
    std::unique_ptr<HttpSession> session = std::make_unique<HttpSession>(connection, service, home);

private:
    int responses() {
        written_ += connection.takeOutput();
        int count = 0;
        for (std::size_t at = written_.find("HTTP/1."); at != std::string::npos;
             at = written_.find("HTTP/1.", at + 1)) {
            if (written_.compare(at + 9, 3, "100") != 0) ++count;
        }
        return count;
    }

    std::string takeAll() {
        responses();
        return std::exchange(written_, {});
    }

    std::string left_;
    std::string written_;
};

}  // namespace nsq::http::test
