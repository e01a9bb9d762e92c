#include <atomic>
#include <catch2/catch.hpp>
#include <thread>

#include "unit/net/client.h"
#include "unit/net/fixture.h"

using namespace nsq;
using namespace nsq::net;
using namespace nsq::net::test;
using namespace std::chrono_literals;

TEST_CASE("close sends what is left first, even if the client's bytes are unread") {
    Signal destroyed;
    Signal called;
    std::atomic<bool> aliveWithin{false};
    ScriptedOpener opener([&](ScriptedSession& session) {
        session.onDestroy = [&] { destroyed.add(); };
        session.dataFunction = [&](sdk::Bytes data) {
            called.add();
            session.connection().output().write(sdk::asBytes("E_INVALID"));
            session.connection().close("bad command");
            // Nothing of these reaches the session any more.
            session.connection().setTimer(session.connection().loop().now());
            session.connection().resumeInput();
            aliveWithin = destroyed.count() == 0;
            return data.size() / 2;
        };
    });
    Server server(opener);
    Client client(server.port());
    // More than the server reads at once: the rest would reset the connection if it were closed at once.
    REQUIRE(client.send(std::string(3'000'000, 'x')));
    REQUIRE(client.receiveAll() == "E_INVALID");
    REQUIRE(destroyed.reaches(1));
    REQUIRE(called.count() == 1);
    REQUIRE(aliveWithin);
}

TEST_CASE("a closed connection does not wait for its client for long") {
    ScriptedOpener opener([&](ScriptedSession& session) {
        session.dataFunction = [&](sdk::Bytes data) {
            session.connection().close("enough");
            return data.size();
        };
    });
    Server server(opener);
    Client client(server.port());
    const auto before = sdk::Clock::now();
    REQUIRE(client.send("x"));
    REQUIRE(client.receiveAll().empty());
    // Its end has come, but the client does not close. The server's socket goes all the same: bytes are
    // refused.
    while (client.send("x")) REQUIRE(sdk::Clock::now() - before < kPatience);
    REQUIRE(sdk::Clock::now() - before < 4s);
}

TEST_CASE("a closed connection whose client does not read is given up after 5 s") {
    Signal destroyed;
    ScriptedOpener opener([&](ScriptedSession& session) {
        session.onDestroy = [&] { destroyed.add(); };
        session.dataFunction = [&](sdk::Bytes data) {
            session.connection().output().write(sdk::asBytes(std::string(30'000'000, 'x')));
            session.connection().close("enough");
            return data.size();
        };
    });
    Server server(opener);
    Client client(server.port());
    const auto before = sdk::Clock::now();
    REQUIRE(client.send("x"));
    REQUIRE(destroyed.reaches(1, 2s));
    server.listener().stop();
    server.loops().closeConnections(15s);
    const auto taken = sdk::Clock::now() - before;
    REQUIRE(taken > 4900ms);
    REQUIRE(taken < 7s);
}

TEST_CASE("a closed connection whose client reads slowly is given the time, however long it takes") {
    constexpr std::size_t kAnswer = 60'000'000;
    ScriptedOpener opener([&](ScriptedSession& session) {
        session.dataFunction = [&](sdk::Bytes data) {
            session.connection().output().write(sdk::asBytes(std::string(kAnswer, 'x')));
            session.connection().close("the response was the last");
            return data.size();
        };
    });
    const ConnectionSettings settings{.closeTimeout = 2s};
    Server server(opener, kPatience, 1, ConnectionKind::kHttp, settings);
    Client client(server.port());
    const auto before = sdk::Clock::now();
    REQUIRE(client.send("x"));
    std::size_t taken = 0;
    // Within each limit it takes something, and has not taken all when twice the limit is over.
    while (sdk::Clock::now() - before < 2 * settings.closeTimeout) {
        const std::size_t piece = client.receive(kAnswer / 400).size();
        REQUIRE(piece > 0);
        taken += piece;
        std::this_thread::sleep_for(20ms);
    }
    REQUIRE(taken < kAnswer);
    REQUIRE(taken + client.receiveAll().size() == kAnswer);
}

TEST_CASE("a session that closes from within a task is destroyed after the task") {
    struct Closer final : sdk::LoopTask {
        explicit Closer(ScriptedSession& closed, Signal& seen) : session(closed), destroyed(seen) {}
        void run() override {
            session.connection().close("from a task");
            aliveWithin = destroyed.count() == 0;
            // The session is still whole.
            session.connection().output().write(sdk::asBytes("bye"));
        }
        ScriptedSession& session;
        Signal& destroyed;
        bool aliveWithin = false;
    };
    Signal destroyed;
    std::unique_ptr<Closer> closer;
    std::atomic<bool> onLoop{false};
    const bool atTurnEnd = GENERATE(false, true);
    ScriptedOpener opener([&](ScriptedSession& session) {
        closer = std::make_unique<Closer>(session, destroyed);
        session.onDestroy = [&] {
            onLoop = session.connection().loop().isCurrentThread();
            destroyed.add();
        };
        session.dataFunction = [&](sdk::Bytes data) {
            sdk::Loop& loop = session.connection().loop();
            atTurnEnd ? loop.atTurnEnd(*closer) : loop.post(*closer);
            return data.size();
        };
    });
    Server server(opener);
    Client client(server.port());
    REQUIRE(client.send("x"));
    REQUIRE(client.receiveAll() == "bye");
    REQUIRE(destroyed.reaches(1));
    REQUIRE(closer->aliveWithin);
    REQUIRE(onLoop);
}

TEST_CASE("a session's destructor may cancel its tasks, wherever they stand") {
    struct Never final : sdk::LoopTask {
        void run() override { ran = true; }
        bool ran = false;
    };
    struct Closer final : sdk::LoopTask {
        explicit Closer(sdk::Connection& closed) : connection(closed) {}
        void run() override { connection.close("from a task"); }
        sdk::Connection& connection;
    };
    Signal destroyed;
    Never inBatch;
    Never posted;
    Never turnEnd;
    std::unique_ptr<Closer> closer;
    ScriptedOpener opener([&](ScriptedSession& session) {
        closer = std::make_unique<Closer>(session.connection());
        sdk::Loop& loop = session.connection().loop();
        session.dataFunction = [&](sdk::Bytes data) {
            loop.post(*closer);
            loop.post(inBatch);
            loop.atTurnEnd(turnEnd);
            return data.size();
        };
        session.onDestroy = [&] {
            loop.post(posted);
            for (Never* task : {&inBatch, &posted, &turnEnd}) loop.cancel(*task);
            destroyed.add();
        };
    });
    Server server(opener);
    Client client(server.port());
    REQUIRE(client.send("x"));
    REQUIRE(client.receiveAll().empty());
    REQUIRE(destroyed.reaches(1));
    runOn(server.loops().next(), [] {});
    runOn(server.loops().next(), [] {});
    REQUIRE(!inBatch.ran);
    REQUIRE(!posted.ran);
    REQUIRE(!turnEnd.ran);
}

TEST_CASE("closing all sends what is left, and stopping destroys each session on its loop") {
    Signal opened;
    Signal destroyed;
    Signal elsewhere;
    ScriptedOpener opener([&](ScriptedSession& session) {
        session.onDestroy = [&] {
            session.connection().output().write(sdk::asBytes("bye"));
            if (!session.connection().loop().isCurrentThread()) elsewhere.add();
            destroyed.add();
        };
        opened.add();
    });
    constexpr int kClients = 20;
    std::vector<Client> clients;
    {
        Server server(opener, kPatience, 3);
        for (int i = 0; i < kClients; ++i) REQUIRE(clients.emplace_back(server.port()).send("x"));
        REQUIRE(opened.reaches(kClients));
        SECTION("gracefully") {
            server.listener().stop();
            server.loops().closeConnections(10s);
            REQUIRE(destroyed.count() == kClients);
            for (Client& client : clients) REQUIRE(client.receiveAll() == "bye");
        }
        SECTION("of one kind only") {
            server.loops().closeConnections(ConnectionKind::kHttp, 10s);
            REQUIRE(destroyed.count() == 0);
        }
        SECTION("at once") {}
    }
    REQUIRE(destroyed.count() == kClients);
    REQUIRE(elsewhere.count() == 0);
}
