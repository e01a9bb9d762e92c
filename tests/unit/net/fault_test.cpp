#include <array>
#include <catch2/catch.hpp>

#include "unit/net/client.h"
#include "unit/net/fixture.h"

using namespace nsq;
using namespace nsq::net;
using namespace nsq::net::test;
using namespace std::chrono_literals;

namespace {

struct Thrower final : sdk::LoopTask {
    Thrower() = default;
    explicit Thrower(sdk::Connection& connection) : LoopTask(connection) {}
    void run() override { throw std::runtime_error("broken task"); }
};

/// Posts a task that throws when it is told to; else it echoes.
void echoOrThrow(ScriptedSession& session, const std::shared_ptr<Thrower>& task) {
    echo(session);
    session.dataFunction = [&session, task, echoes = session.dataFunction](sdk::Bytes data) {
        if (sdk::asText(data) == "x") session.connection().loop().post(*task);
        return echoes(data);
    };
}

constexpr std::size_t kMaxOutput = 1000;

/// For as long as the program runs.
class StaticBuffer final : public sdk::SharedBuffer {
public:
    sdk::Bytes bytes() const { return bytes_; }

private:
    void destroy() noexcept override {}

    std::array<std::byte, sdk::Output::kMinShared> bytes_{};
};

}  // namespace

TEST_CASE("an exception of a connection's task closes that connection") {
    ScriptedOpener opener([](ScriptedSession& session) {
        echoOrThrow(session, std::make_shared<Thrower>(session.connection()));
    });
    Server server(opener);
    Client good(server.port());
    Client bad(server.port());
    REQUIRE(good.send("1"));
    REQUIRE(good.receive(1) == "1");
    REQUIRE(opener.owner.counts().connections == 1);
    REQUIRE(bad.send("x"));
    REQUIRE(bad.receiveAll() == "x");
    REQUIRE(good.send("2"));
    REQUIRE(good.receive(1) == "2");
    REQUIRE(server.log().find("the Scripted session failed and is closed: a task: broken task") !=
            std::string::npos);
    const faults::CodeOwner::Counts counts = opener.owner.counts();
    REQUIRE(counts.connections == 1);
    REQUIRE(counts.connectionsTotal == 2);
    REQUIRE(counts.errors == 1);
    REQUIRE(counts.lastError == "a task: broken task");
}

TEST_CASE("an exception of a task of no connection is logged, and the loop goes on") {
    ScriptedOpener opener([](ScriptedSession& session) { echo(session); });
    Server server(opener);
    EventLoop& loop = server.loops().next();
    Thrower task;
    loop.post(task);
    runOn(loop, [] {});
    REQUIRE(server.log().find("loop-0: failed: a task: broken task") != std::string::npos);
    Client client(server.port());
    REQUIRE(client.send("1"));
    REQUIRE(client.receive(1) == "1");
}

TEST_CASE("a fault of somebody else's is not that of a connection at the same address") {
    sdk::Connection* connection = nullptr;
    ScriptedOpener opener([&](ScriptedSession& session) {
        echo(session);
        connection = &session.connection();
    });
    Server server(opener);
    Client client(server.port());
    REQUIRE(client.send("1"));
    REQUIRE(client.receive(1) == "1");
    EventLoop& loop = server.loops().next();
    faults::CodeOwner other("Other", "");
    runOn(loop, [&] {
        try {
            throw std::runtime_error("late");
        } catch (...) {
            loop.onFault({&other, connection}, nullptr, "onPublished");
        }
    });
    REQUIRE(other.counts().lastError == "onPublished: late");
    REQUIRE(opener.owner.counts().errors == 0);
    REQUIRE(client.send("2"));
    REQUIRE(client.receive(1) == "2");
}

TEST_CASE("a connection that is closed while its session is made counts until it is gone") {
    ScriptedOpener opener([](ScriptedSession& session) { session.connection().close("not today"); });
    Server server(opener);
    Client client(server.port());
    REQUIRE(client.send("x"));
    REQUIRE(client.receiveAll().empty());
    runOn(server.loops().next(), [] {});
    const faults::CodeOwner::Counts counts = opener.owner.counts();
    REQUIRE(counts.connections == 0);
    REQUIRE(counts.connectionsTotal == 1);
}

TEST_CASE("a session that writes without end is stopped, and one large piece is not") {
    ScriptedOpener opener([](ScriptedSession& session) {
        session.dataFunction = [&session](sdk::Bytes data) {
            sdk::Output& output = session.connection().output();
            if (sdk::asText(data) == "large") {
                output.write(sdk::asBytes(std::string(100 * kMaxOutput, 'l')));
            } else if (sdk::asText(data) == "write") {
                for (;;) output.write(sdk::asBytes("0123456789"));
            } else if (sdk::asText(data) == "extend") {
                for (;;) *output.extend(1) = std::byte{0};
            } else {
                static StaticBuffer buffer;
                const sdk::BufferRef owner{&buffer};
                for (;;) output.share(owner, buffer.bytes());
            }
            return data.size();
        };
    });
    Server server(opener, kPatience, 1, ConnectionKind::kProtocol, {.maxOutput = kMaxOutput});
    Client good(server.port());
    REQUIRE(good.send("large"));
    REQUIRE(good.receive(100 * kMaxOutput).size() == 100 * kMaxOutput);
    for (const std::string how : {"write", "extend", "share"}) {
        Client bad(server.port());
        REQUIRE(bad.send(how));
        const std::size_t received = bad.receiveAll().size();
        REQUIRE(received > kMaxOutput);
        REQUIRE(received <= kMaxOutput + sdk::Output::kMinShared);
    }
    REQUIRE(opener.owner.counts().errors == 3);
    REQUIRE(opener.owner.counts().lastError == "it wrote on with more than 1000 bytes unsent");
}

TEST_CASE("the output of HTTP has no limit") {
    ScriptedOpener opener([](ScriptedSession& session) {
        session.dataFunction = [&session](sdk::Bytes data) {
            for (int i = 0; i < 10; ++i)
                session.connection().output().write(sdk::asBytes(std::string(kMaxOutput, 'h')));
            return data.size();
        };
    });
    Server server(opener, kPatience, 1, ConnectionKind::kHttp, {.maxOutput = kMaxOutput});
    Client client(server.port());
    REQUIRE(client.send("x"));
    REQUIRE(client.receive(10 * kMaxOutput).size() == 10 * kMaxOutput);
}

TEST_CASE("a session that uses nothing of a full input is stopped after a while") {
    ScriptedOpener opener([](ScriptedSession& session) {
        session.pendingLimit = 10;
        session.dataFunction = [](sdk::Bytes data) -> std::size_t {
            return data[0] == std::byte{'u'} ? 1 : 0;
        };
    });
    Server server(opener, kPatience, 1, ConnectionKind::kProtocol, {.maxStalled = 20ms});
    Client user(server.port());
    REQUIRE(user.send("u"));
    Client stuck(server.port());
    REQUIRE(stuck.send("u" + std::string(11, 'x')));
    REQUIRE(stuck.receiveAll().empty());
    REQUIRE(server.log().find(
                "the Scripted session is stuck and is closed: it left 11 bytes unused for too long") !=
            std::string::npos);
    REQUIRE(opener.owner.counts().errors == 1);
    REQUIRE(opener.owner.counts().connections == 1);
}

TEST_CASE(
    "a session may wait as long as it likes with less input than it may leave, or an output that is full") {
    Signal later;
    std::atomic<bool> waits{true};
    ScriptedOpener opener([&](ScriptedSession& session) {
        session.pendingLimit = 10;
        session.dataFunction = [&](sdk::Bytes data) {
            sdk::Connection& connection = session.connection();
            if (sdk::asText(data) == "fill") {
                // More than the sockets between here and the client keep.
                connection.output().write(sdk::asBytes(std::string(16'000'000, 'f')));
                connection.setTimer(connection.loop().now() + 200ms);
                return data.size();
            }
            if (sdk::asText(data) == "timer") connection.setTimer(connection.loop().now() + 200ms);
            return waits ? 0 : data.size();
        };
        session.timerFunction = [&] { later.add(); };
    });
    Server server(opener, kPatience, 1, ConnectionKind::kProtocol, {.maxStalled = 20ms});
    Client client(server.port());
    SECTION("less input") {
        REQUIRE(client.send("timer"));
    }
    SECTION("a full output") {
        REQUIRE(client.send("fill"));
        REQUIRE(client.receive(1) == "f");
        REQUIRE(client.send("far too much"));
    }
    REQUIRE(later.reaches(1));
    REQUIRE(opener.owner.counts().connections == 1);
    REQUIRE(opener.owner.counts().errors == 0);
}
