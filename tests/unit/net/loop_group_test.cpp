#include <atomic>
#include <catch2/catch.hpp>
#include <set>

#include "unit/net/client.h"
#include "unit/net/fixture.h"

using namespace nsq;
using namespace nsq::net;
using namespace nsq::net::test;
using namespace std::chrono_literals;

TEST_CASE("connections go to the loops in turns") {
    auto sink = std::make_shared<spdlog::sinks::ringbuffer_sink_mt>(10);
    spdlog::logger logger("test", sink);
    LoopGroup loops(3, logger);
    REQUIRE(loops.size() == 3);
    std::set<EventLoop*> first;
    for (int i = 0; i < 3; ++i) first.insert(&loops.next());
    REQUIRE(first.size() == 3);
    // Never started: nothing to wait for, nothing to stop.
    loops.stop();
}

TEST_CASE("clients lists every protocol connection that has a session") {
    ScriptedOpener opener([](ScriptedSession& session) {
        echo(session);
        session.describeFunction = [](sdk::ClientStats& stats) {
            stats.protocol = "Scripted of " + stats.remoteAddress;
        };
    });
    const auto before = std::chrono::system_clock::now();
    Server server(opener, kPatience, 3);
    constexpr int kClients = 10;
    std::vector<Client> clients;
    std::set<std::string> expected;
    for (int i = 0; i < kClients; ++i) {
        Client& client = clients.emplace_back(server.port());
        REQUIRE(client.send("x"));
        REQUIRE(client.receive(1) == "x");
        expected.insert("127.0.0.1:" + std::to_string(client.port()));
    }
    Client silent(server.port());
    std::set<std::string> seen;
    for (const sdk::ClientStats& stats : server.loops().clients()) {
        REQUIRE(stats.protocol == "Scripted of " + stats.remoteAddress);
        REQUIRE(stats.connectedAt >= before);
        REQUIRE(stats.connectedAt <= std::chrono::system_clock::now());
        seen.insert(stats.remoteAddress);
    }
    REQUIRE(seen == expected);
    server.loops().stop();
    REQUIRE(server.loops().clients().empty());
}

TEST_CASE("clients leaves out HTTP connections") {
    ScriptedOpener opener(echo);
    Server server(opener, kPatience, 1, ConnectionKind::kHttp);
    Client client(server.port());
    REQUIRE(client.send("x"));
    REQUIRE(client.receive(1) == "x");
    REQUIRE(server.loops().clients().empty());
}

TEST_CASE("a loop that does not answer does not hold up clients for long") {
    ScriptedOpener opener(echo);
    Server server(opener, kPatience, 2);
    Signal blocked;
    Signal release;
    server.loops().next().submit([&] {
        blocked.add();
        release.reaches(1);
    });
    REQUIRE(blocked.reaches(1));
    const auto before = sdk::Clock::now();
    REQUIRE(server.loops().clients().empty());
    REQUIRE(sdk::Clock::now() - before < 5s);
    // The late answer finds nobody, and does no harm.
    release.add();
    server.loops().stop();
}

TEST_CASE("a client that does not read does not hold up closing for longer than the limit") {
    ScriptedOpener opener([](ScriptedSession& session) {
        session.dataFunction = [&session](sdk::Bytes data) {
            session.connection().output().write(sdk::asBytes(std::string(30'000'000, 'x')));
            return data.size();
        };
    });
    Server server(opener);
    Client client(server.port());
    REQUIRE(client.send("x"));
    REQUIRE(client.receive(1) == "x");
    const auto before = sdk::Clock::now();
    server.loops().closeConnections(200ms);
    REQUIRE(sdk::Clock::now() - before >= 200ms);
    REQUIRE(sdk::Clock::now() - before < 3s);
}
