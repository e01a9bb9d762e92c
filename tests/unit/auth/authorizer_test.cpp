// The authorizer with a real event loop, and with servers on 127.0.0.1 that answer as the test says.

#include "auth/authorizer.h"

#include <Poco/Net/ServerSocket.h>
#include <Poco/Net/StreamSocket.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/null_sink.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <csignal>
#include <functional>
#include <future>
#include <list>
#include <thread>
#include <vector>

#include "net/event_loop.h"
#include "nsq/sdk/testing/fake_loop.h"
#include "unit/net/signal.h"

namespace nsq::auth {

namespace {

using net::test::Signal;
using std::chrono::milliseconds;
using std::chrono::seconds;

const std::string kGranted =
    R"({"ttl":60,"identity":"me","authorizations":[{"topic":"t","channels":[".*"],"permissions":["publish"]}]})";

std::string withHead(const std::string& body) {
    return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

/// Sends the same bytes to everybody who asks, and closes; or, without any, never says a word. It has one
/// thread: it is only for a few.
class Double {
public:
    explicit Double(std::string answer) : answer_(std::move(answer)), thread_([this] { serve(); }) {}
    Double(const Double&) = delete;
    Double& operator=(const Double&) = delete;
    ~Double() {
        stopping_ = true;
        Poco::Net::StreamSocket{address()}.close();
        thread_.join();
    }

    Poco::Net::SocketAddress address() const { return {"127.0.0.1", socket_.address().port()}; }
    Signal& asked() { return asked_; }

private:
    void serve() {
        std::list<Poco::Net::StreamSocket> silent;
        for (;;) {
            Poco::Net::StreamSocket client = socket_.acceptConnection();
            if (stopping_) return;
            asked_.add();
            if (answer_.empty()) {
                silent.push_back(client);
                continue;
            }
            char request[4096];
            try {
                client.receiveBytes(request, sizeof(request));
                client.sendBytes(answer_.data(), static_cast<int>(answer_.size()), MSG_NOSIGNAL);
            } catch (const Poco::Exception&) {
                continue;  // it was not waited for
            }
        }
    }

    const std::string answer_;
    Signal asked_;
    std::atomic<bool> stopping_{false};
    Poco::Net::ServerSocket socket_{Poco::Net::SocketAddress{"127.0.0.1", 0}};
    std::thread thread_;
};

AuthSettings asking(const std::vector<Poco::Net::SocketAddress>& servers) {
    AuthSettings settings;
    for (const auto& server : servers)
        settings.servers.push_back(ServerAddress::parse(server.toString()).value());
    return settings;
}

/// A client that has asked.
class Asker final : public sdk::AuthorizationListener {
public:
    void onAuthorization(sdk::Result<sdk::AuthorizationPtr> answer) override {
        request.reset();
        answers.push_back(std::move(answer));
        answered.add();
    }

    std::unique_ptr<sdk::AuthorizationRequest> request;
    std::vector<sdk::Result<sdk::AuthorizationPtr>> answers;
    Signal answered;
};

/// An authorizer and a loop, and what clients on it do.
struct Fixture {
    explicit Fixture(AuthSettings settings) : authorizer(std::move(settings)) {
        std::signal(SIGPIPE, SIG_IGN);  // as the server does
        loop.start();
        REQUIRE(authorizer.start());
    }
    Fixture(const Fixture&) = delete;
    Fixture& operator=(const Fixture&) = delete;
    ~Fixture() {
        onLoop([this] { askers.clear(); });
        loop.stop();
        authorizer.stop();
    }

    void onLoop(const std::function<void()>& work) {
        std::promise<void> done;
        loop.submit([&] {
            work();
            done.set_value();
        });
        done.get_future().wait();
    }

    Asker& ask(const std::string& secret = "s3cret") {
        Asker* asker = nullptr;
        onLoop([&] {
            asker = &askers.emplace_back();
            asker->request = authorizer.authenticate({"10.0.0.1", false, "", secret}, loop, *asker);
            CHECK(asker->answers.empty());
        });
        return *asker;
    }

    /// The text of the failure, or "" for a good answer.
    std::string failure(const std::string& secret = "s3cret") {
        Asker& asker = ask(secret);
        REQUIRE(asker.answered.reaches(1));
        const auto& answer = asker.answers.front();
        if (!answer) CHECK(answer.error().code == sdk::ErrorCode::kAuthFailed);
        return answer ? "" : answer.error().text;
    }

    spdlog::logger logger{"test", std::make_shared<spdlog::sinks::null_sink_mt>()};
    net::EventLoop loop{"loop", logger};
    Authorizer authorizer;
    std::list<Asker> askers;
};

}  // namespace

TEST_CASE("Without servers nothing is required") {
    Authorizer authorizer{{}};
    CHECK_FALSE(authorizer.required());
    CHECK(authorizer.start());
    authorizer.stop();
}

TEST_CASE("A server's answer comes to the loop of who asked") {
    Double server{withHead(kGranted)};
    Fixture fixture{asking({server.address()})};
    CHECK(fixture.authorizer.required());
    Asker& asker = fixture.ask();
    REQUIRE(asker.answered.reaches(1));
    REQUIRE(asker.answers.front());
    CHECK(asker.answers.front().value()->identity() == "me");
    CHECK(asker.answers.front().value()->allows(sdk::Permission::kPublish, "t", ""));
}

TEST_CASE("A server that fails is passed over") {
    Double bad{withHead("{}")};
    Double good{withHead(kGranted)};
    Fixture fixture{asking({bad.address(), good.address()})};
    for (int i = 0; i < 4; ++i) CHECK(fixture.failure().empty());
    CHECK(bad.asked().count() == 2);
    CHECK(good.asked().count() == 4);
}

TEST_CASE("A server that hangs is avoided, which one question finds out") {
    Double silent{""};
    Double good{withHead(kGranted)};
    AuthSettings settings = asking({silent.address(), good.address()});
    settings.requestTimeout = milliseconds{100};
    Fixture fixture{settings};
    for (int i = 0; i < 10; ++i) CHECK(fixture.failure().empty());
    CHECK(silent.asked().count() == 1);
    CHECK(good.asked().count() == 10);
}

TEST_CASE("A failure names the servers and what was wrong, not the secret") {
    const auto& [answer, why] = GENERATE(table<std::string, std::string>({
        {withHead("{}"), "its answer is bad: the ttl is not positive"},
        {withHead("s3cret"), "its answer is bad: it is not JSON"},
        {withHead(R"({"ttl":1,"authorizations":[{"topic":"("}]})"),
         "its answer is bad: a pattern does not compile"},
        {"HTTP/1.1 403 s3cret\r\n\r\n", "it answered with status 403"},
        {"HTTP/1.1 201 Created\r\n\r\n" + kGranted, "it answered with status 201"},
        {withHead(std::string(2'000'000, ' ')), "its answer is too large"},
        {"HTTP/1.1 200 OK\r\n\r\n" + std::string(2'000'000, ' '), "its answer is too large"},
    }));
    Double server{answer};
    Fixture fixture{asking({server.address()})};
    CHECK(fixture.failure() == "failed to auth against http://" + server.address().toString() + " - " + why);
}

TEST_CASE("Garbage instead of HTTP is a failure like others") {
    const std::string answer =
        GENERATE(as<std::string>{}, "s3cret\r\n", "HTTP/1.1 200 OK\r\n",
                 "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
                 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "HTTP/9.9 x y\r\n\r\n",
                 std::string(100'000, 'x'), "HTTP/1.1 200 OK\r\n" + std::string(100'000, 'x'),
                 std::string(1000, '\0'));
    Double server{answer};
    Fixture fixture{asking({server.address()})};
    const std::string failure = fixture.failure();
    CAPTURE(failure);
    CHECK(failure.starts_with("failed to auth against "));
    CHECK(failure.find("s3cret") == std::string::npos);
}

TEST_CASE("A server that says nothing is given up in time") {
    Double server{""};
    AuthSettings settings = asking({server.address()});
    settings.requestTimeout = milliseconds{50};
    Fixture fixture{settings};
    CHECK(fixture.failure().ends_with(" - it did not answer in time"));
}

TEST_CASE("Who waits for longer than a request may take is refused") {
    Double server{""};
    AuthSettings settings = asking({server.address()});
    settings.requestTimeout = milliseconds{200};
    Fixture fixture{settings};
    std::vector<Asker*> askers;
    for (int i = 0; i < 64; ++i) askers.push_back(&fixture.ask());
    int refused = 0;
    for (Asker* asker : askers) {
        REQUIRE(asker->answered.reaches(1));
        if (asker->answers.front().error().text == "the auth servers are too slow for the clients there are")
            ++refused;
    }
    CHECK(refused > 0);
    CHECK(refused < 64);
}

TEST_CASE("There is a limit to those who wait, and to a secret") {
    Double server{""};
    AuthSettings settings = asking({server.address()});
    settings.requestTimeout = seconds{20};
    Fixture fixture{settings};
    for (int i = 0; i < 16 + 4096 + 16; ++i) fixture.ask();
    CHECK(fixture.failure() == "too many clients wait for the auth servers");
    CHECK(fixture.failure(std::string(16 * 1024 + 1, 'x')) == "the secret is longer than 16384 bytes");
}

TEST_CASE("A request can be taken back at any moment") {
    Double quick{withHead(kGranted)};
    Fixture fixture{asking({quick.address()})};
    for (int i = 0; i < 200; ++i) {
        const int asked = quick.asked().count();
        Asker& asker = fixture.ask();
        if (i % 3 == 0) std::this_thread::yield();
        if (i % 3 == 1) quick.asked().reaches(asked + 1);
        fixture.onLoop([&] { asker.request.reset(); });
        const int count = asker.answered.count();
        fixture.onLoop([] {});
        CHECK(asker.answered.count() == count);
    }
}

TEST_CASE("A question taken back is answered to nobody, before or after it was posted") {
    sdk::testing::FakeLoop loop;
    Asker asker;
    const auto question = std::make_shared<Question>(sdk::Credentials{}, loop, asker);
    const sdk::Error failure{sdk::ErrorCode::kAuthFailed, "late"};
    SECTION("before") {
        question->takeBack();
        question->answer(failure);
    }
    SECTION("after") {
        question->answer(failure);
        question->takeBack();
    }
    CHECK(loop.idle());
    loop.runTurn();
    CHECK(asker.answers.empty());
}

TEST_CASE("A stop does not wait for a server") {
    Double server{""};
    AuthSettings settings = asking({server.address()});
    settings.requestTimeout = std::chrono::hours{1};
    auto fixture = std::make_unique<Fixture>(settings);
    for (int i = 0; i < 40; ++i) fixture->ask();
    REQUIRE(server.asked().reaches(16));
    const auto before = sdk::Clock::now();
    fixture.reset();
    CHECK(sdk::Clock::now() - before < seconds{10});
}

}  // namespace nsq::auth
