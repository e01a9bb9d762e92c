#include <sys/resource.h>

#include <atomic>
#include <catch2/catch.hpp>

#include "unit/net/client.h"
#include "unit/net/fixture.h"

using namespace nsq;
using namespace nsq::net;
using namespace nsq::net::test;
using namespace std::chrono_literals;

namespace {

long sleepsOfThisThread() {
    rusage usage{};
    ::getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_nvcsw;
}

}  // namespace

TEST_CASE("a timer fires once, in time, and the loop sleeps until then") {
    Signal fired;
    std::atomic<long> sleeps{0};
    std::atomic<sdk::Clock::duration> late{};
    sdk::Clock::time_point when;
    ScriptedOpener opener([&](ScriptedSession& session) {
        session.dataFunction = [&](sdk::Bytes data) {
            when = session.connection().loop().now() + 200ms;
            session.connection().setTimer(when);
            sleeps = sleepsOfThisThread();
            return data.size();
        };
        session.timerFunction = [&] {
            late = sdk::Clock::now() - when;
            sleeps = sleepsOfThisThread() - sleeps;
            fired.add();
        };
    });
    Server server(opener);
    Client client(server.port());
    REQUIRE(client.send("x"));
    REQUIRE(fired.reaches(1));
    REQUIRE(late.load() >= 0ns);
    REQUIRE(late.load() < 100ms);
    // One would do; others may take the processor or a lock away now and then.
    REQUIRE(sleeps < 10);
    REQUIRE(!fired.reaches(2, 50ms));
}

TEST_CASE("setTimer replaces an earlier setting, clearTimer takes it back") {
    Signal fired;
    ScriptedOpener opener([&](ScriptedSession& session) {
        session.dataFunction = [&](sdk::Bytes data) {
            const auto now = session.connection().loop().now();
            session.connection().setTimer(now + 1ms);
            if (sdk::asText(data) == "later") session.connection().setTimer(now + 100ms);
            if (sdk::asText(data) == "never") session.connection().clearTimer();
            return data.size();
        };
        session.timerFunction = [&] { fired.add(); };
    });
    Server server(opener);
    Client later(server.port());
    Client never(server.port());
    REQUIRE(never.send("never"));
    const auto before = sdk::Clock::now();
    REQUIRE(later.send("later"));
    REQUIRE(fired.reaches(1));
    REQUIRE(sdk::Clock::now() - before >= 100ms);
    REQUIRE(fired.count() == 1);
}

TEST_CASE("a session that always sets its timer in the past holds up nobody") {
    Signal fired;
    ScriptedOpener opener([&](ScriptedSession& session) {
        echo(session);
        const auto echoes = session.dataFunction;
        session.dataFunction = [&, echoes](sdk::Bytes data) {
            if (sdk::asText(data) == "timer") session.connection().setTimer(sdk::Clock::time_point::min());
            return echoes(data);
        };
        session.timerFunction = [&] {
            session.connection().setTimer(sdk::Clock::time_point::min());
            fired.add();
        };
    });
    Server server(opener);
    Client hasty(server.port());
    REQUIRE(hasty.send("timer"));
    REQUIRE(fired.reaches(100));
    Client other(server.port());
    REQUIRE(other.send("x"));
    REQUIRE(other.receive(1) == "x");
}

TEST_CASE("timers of many connections fire in the order of their times") {
    std::vector<int> order;  // the loop's until it has stopped
    Signal fired;
    constexpr int kClients = 50;
    ScriptedOpener opener([&](ScriptedSession& session) {
        session.dataFunction = [&](sdk::Bytes data) {
            const int number = std::stoi(std::string{sdk::asText(data)});
            session.timerFunction = [&, number] {
                order.push_back(number);
                fired.add();
            };
            // Whatever the order of arrival: later numbers fire earlier.
            static const auto start = session.connection().loop().now() + 300ms;
            session.connection().setTimer(start + 1ms * (kClients - number));
            return data.size();
        };
    });
    std::vector<Client> clients;
    {
        Server server(opener);
        for (int i = 0; i < kClients; ++i) {
            REQUIRE(clients.emplace_back(server.port()).send(std::to_string(i * 17 % kClients)));
        }
        REQUIRE(fired.reaches(kClients));
    }
    REQUIRE(std::ranges::is_sorted(order, std::greater{}));
}
