#include <atomic>
#include <catch2/catch.hpp>
#include <mutex>
#include <thread>

#include "unit/net/client.h"
#include "unit/net/fixture.h"

using namespace nsq;
using namespace nsq::net;
using namespace nsq::net::test;
using namespace std::chrono_literals;

namespace {

std::string pattern(std::size_t size) {
    std::string bytes(size, '\0');
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>('a' + i * 7 % 26);
    return bytes;
}

}  // namespace

TEST_CASE("an echo session gets everything and answers in order") {
    ScriptedOpener opener(echo);
    Server server(opener);
    Client client(server.port());
    REQUIRE(client.send("hello "));
    REQUIRE(client.receive(6) == "hello ");
    REQUIRE(client.send("world"));
    REQUIRE(client.receive(5) == "world");
}

TEST_CASE("bytes a session leaves come again with more behind them") {
    // A command of the test: 10 bytes at a time, however they arrive.
    ScriptedOpener opener([](ScriptedSession& session) {
        session.dataFunction = [&session](sdk::Bytes data) {
            const std::size_t used = data.size() / 10 * 10;
            session.connection().output().write(data.first(used));
            return used;
        };
    });
    Server server(opener);
    Client client(server.port());
    for (int i = 0; i < 9; ++i) REQUIRE(client.send(std::string(1, static_cast<char>('0' + i))));
    REQUIRE(client.send("9abc"));
    REQUIRE(client.receive(10) == "0123456789");
    REQUIRE(client.send("defghij"));
    REQUIRE(client.receive(10) == "abcdefghij");
}

TEST_CASE("a command of several megabytes arrives whole") {
    constexpr std::size_t kSize = 5'000'000;
    ScriptedOpener opener([](ScriptedSession& session) {
        session.pendingLimit = kSize;
        session.dataFunction = [&session](sdk::Bytes data) -> std::size_t {
            if (data.size() < kSize) return 0;
            session.connection().output().write(data.first(kSize));
            return kSize;
        };
    });
    Server server(opener);
    Client client(server.port());
    const std::string sent = pattern(kSize);
    for (int i = 0; i < 2; ++i) {
        REQUIRE(client.send(sent));
        REQUIRE(client.receive(kSize) == sent);
    }
}

TEST_CASE("resumeInput hands over the left bytes without new ones") {
    Signal left;
    std::atomic<sdk::Connection*> connection{nullptr};
    std::atomic<bool> waiting{true};
    ScriptedOpener opener([&](ScriptedSession& session) {
        connection = &session.connection();
        session.dataFunction = [&](sdk::Bytes data) -> std::size_t {
            if (waiting) {
                left.add(static_cast<int>(data.size()));
                return 0;
            }
            session.connection().output().write(data.first(1));
            if (data.size() > 1) session.connection().resumeInput();
            return 1;
        };
    });
    Server server(opener);
    Client client(server.port());
    REQUIRE(client.send("abc"));
    REQUIRE(left.reaches(3));
    runOn(server.loops().next(), [&] {
        waiting = false;
        connection.load()->resumeInput();
    });
    REQUIRE(client.receive(3) == "abc");
}

TEST_CASE("a session whose commands take long is given them in small parts, until they are quick again") {
    constexpr std::size_t kSent = 2 * 1024 * 1024;
    std::atomic<bool> slow{true};
    std::atomic<std::size_t> least{SIZE_MAX};
    std::atomic<std::size_t> most{0};
    Signal used;
    ScriptedOpener opener([&](ScriptedSession& session) {
        session.dataFunction = [&](sdk::Bytes data) {
            if (slow) std::this_thread::sleep_for(1ms);
            least = std::min(least.load(), data.size());
            most = std::max(most.load(), data.size());
            used.add(static_cast<int>(data.size()));
            return data.size();
        };
    });
    Server server(opener);
    Client client(server.port());
    REQUIRE(client.send(pattern(kSent)));
    REQUIRE(used.reaches(kSent));
    REQUIRE(least <= 4096);
    slow = false;
    most = 0;
    REQUIRE(client.send(pattern(kSent)));
    REQUIRE(used.reaches(2 * kSent));
    REQUIRE(most > 4096);
}

TEST_CASE("a session that uses nothing stops the reading at its limit") {
    constexpr std::size_t kLimit = 100'000;
    std::atomic<std::size_t> most{0};
    std::atomic<bool> waiting{true};
    std::atomic<sdk::Connection*> connection{nullptr};
    Signal destroyed;
    Signal used;
    ScriptedOpener opener([&](ScriptedSession& session) {
        connection = &session.connection();
        session.pendingLimit = kLimit;
        session.dataFunction = [&](sdk::Bytes data) -> std::size_t {
            most = std::max(most.load(), data.size());
            if (waiting) return 0;
            used.add(static_cast<int>(data.size()));
            return data.size();
        };
        session.onDestroy = [&] { destroyed.add(); };
    });
    Server server(opener);
    Client client(server.port());
    const std::string flood = pattern(64 * 1024 * 1024);
    const std::size_t sent = client.sendUntilFull(flood, 300ms);
    REQUIRE(sent < flood.size());
    REQUIRE(most > kLimit);
    REQUIRE(most <= kLimit + 256 * 1024);

    SECTION("it goes on when the session does") {
        runOn(server.loops().next(), [&] {
            waiting = false;
            connection.load()->resumeInput();
        });
        REQUIRE(used.reaches(static_cast<int>(sent)));
    }
    SECTION("a reset is noticed") {
        client.reset();
        REQUIRE(destroyed.reaches(1, 2s));
    }
    SECTION("what was sent before the client's end is still read") {
        client.endInput();
        runOn(server.loops().next(), [&] {
            waiting = false;
            connection.load()->resumeInput();
        });
        REQUIRE(used.reaches(static_cast<int>(sent)));
        REQUIRE(destroyed.reaches(1));
        REQUIRE(client.receiveAll().empty());
    }
}

TEST_CASE("a client that hangs up while its session waits is noticed, a few seconds later") {
    constexpr std::size_t kLimit = 1000;
    Signal left;
    Signal destroyed;
    ScriptedOpener opener([&](ScriptedSession& session) {
        session.pendingLimit = kLimit;
        session.dataFunction = [&](sdk::Bytes data) -> std::size_t {
            left.add(static_cast<int>(data.size()));
            return 0;
        };
        session.onDestroy = [&] { destroyed.add(); };
    });
    Server server(opener);
    Client client(server.port());
    REQUIRE(client.send(std::string(kLimit + 1, 'x')));
    REQUIRE(left.reaches(kLimit + 1));
    client.close();
    REQUIRE(destroyed.reaches(1));
}

TEST_CASE("an exception closes its connection only, and is logged") {
    std::string thrower;
    ScriptedOpener opener([&](ScriptedSession& session) {
        echo(session);
        const auto echoes = session.dataFunction;
        session.dataFunction = [&, echoes](sdk::Bytes data) {
            if (sdk::asText(data) == "data") throw std::runtime_error("broken data");
            if (sdk::asText(data) == "timer")
                session.connection().setTimer(session.connection().loop().now());
            return echoes(data);
        };
        session.timerFunction = [] { throw std::runtime_error("broken timer"); };
        session.inputEndFunction = []() -> bool { throw std::runtime_error("broken end"); };
    });
    Server server(opener);
    Client good(server.port());
    REQUIRE(good.send("1"));
    REQUIRE(good.receive(1) == "1");
    for (const std::string what : {"data", "timer", "end"}) {
        Client bad(server.port());
        REQUIRE(bad.send(what));
        if (what == "end") bad.endInput();
        REQUIRE(bad.receiveAll() == (what == "data" ? "" : what));
        REQUIRE(server.log().find("127.0.0.1:" + std::to_string(bad.port()) +
                                  ": the Scripted session failed and is closed: broken " + what) !=
                std::string::npos);
    }
    REQUIRE(good.send("2"));
    REQUIRE(good.receive(1) == "2");
}

TEST_CASE("what came before the client's end is answered before the close") {
    Signal destroyed;
    std::atomic<bool> goesOn{false};
    std::atomic<sdk::Connection*> connection{nullptr};
    Signal ended;
    ScriptedOpener opener([&](ScriptedSession& session) {
        echo(session);
        connection = &session.connection();
        session.onDestroy = [&] { destroyed.add(); };
        session.inputEndFunction = [&] {
            ended.add();
            return goesOn.load();
        };
    });
    Server server(opener);
    SECTION("in the same turn") {
        Client client(server.port());
        REQUIRE(client.send("PUB"));
        client.endInput();
        REQUIRE(client.receiveAll() == "PUB");
        REQUIRE(destroyed.reaches(1));
    }
    SECTION("later, if the session says so") {
        goesOn = true;
        Client client(server.port());
        REQUIRE(client.send("PUB"));
        client.endInput();
        REQUIRE(ended.reaches(1));
        REQUIRE(destroyed.count() == 0);
        runOn(server.loops().next(), [&] {
            connection.load()->output().write(sdk::asBytes(" OK"));
            connection.load()->close("done");
        });
        REQUIRE(client.receiveAll() == "PUB OK");
        REQUIRE(destroyed.reaches(1));
    }
    SECTION("but not for ever") {
        goesOn = true;
        Client client(server.port());
        REQUIRE(client.send("PUB"));
        client.endInput();
        REQUIRE(client.receiveAll() == "PUB");
        REQUIRE(destroyed.reaches(1));
    }
}

TEST_CASE("a client that does not read stops the output, and is fed again once it reads") {
    constexpr std::size_t kTotal = 40'000'000;
    std::atomic<std::size_t> produced{0};
    std::atomic<std::size_t> largest{0};
    Signal full;
    ScriptedOpener opener([&](ScriptedSession& session) {
        const auto produce = [&] {
            sdk::Output& output = session.connection().output();
            while (produced < kTotal && session.connection().outputRoom() > 0) {
                const std::string piece = pattern(std::min<std::size_t>(10'000, kTotal - produced));
                output.write(sdk::asBytes(piece));
                produced += piece.size();
            }
            largest = std::max(largest.load(), output.size());
            full.add();
        };
        session.dataFunction = [produce](sdk::Bytes data) {
            produce();
            return data.size();
        };
        session.drainedFunction = produce;
    });
    Server server(opener);
    Client client(server.port());
    REQUIRE(client.send("go"));
    REQUIRE(full.reaches(1));
    // The kernel's buffers fill up, then nothing more is produced: a question to the loop comes back with no
    // turn in between that produced more.
    std::size_t before = 0;
    do {
        before = produced;
        for (int i = 0; i < 100; ++i) runOn(server.loops().next(), [] {});
    } while (produced != before);
    REQUIRE(produced < kTotal);
    REQUIRE(largest < 256 * 1024 + 10'000);
    std::size_t received = 0;
    while (received < kTotal) {
        const std::string got = client.receive(std::min<std::size_t>(1'000'000, kTotal - received));
        REQUIRE(!got.empty());
        received += got.size();
    }
    REQUIRE(produced == kTotal);
}

TEST_CASE("shared bytes are sent as they are") {
    class Block final : public sdk::SharedBuffer {
    public:
        explicit Block(Signal& freed) : freed_(freed) {}
        std::string bytes = pattern(3'000'000);

    private:
        void destroy() noexcept override {
            freed_.add();
            delete this;
        }
        Signal& freed_;
    };
    Signal freed;
    ScriptedOpener opener([&](ScriptedSession& session) {
        session.dataFunction = [&](sdk::Bytes data) {
            auto* block = new Block(freed);
            const sdk::BufferRef owner(block);
            const sdk::Bytes all = sdk::asBytes(block->bytes);
            // Far more pieces than one sendmsg takes.
            for (std::size_t at = 0; at < all.size(); at += 1000) {
                session.connection().output().share(owner, all.subspan(at, 1000));
            }
            return data.size();
        };
    });
    Server server(opener);
    Client client(server.port());
    REQUIRE(client.send("x"));
    REQUIRE(client.receive(3'000'000) == pattern(3'000'000));
    REQUIRE(freed.reaches(1));
}

TEST_CASE("a connection knows its client") {
    std::mutex mutex;
    std::string address;
    std::string host;
    std::atomic<bool> onLoop{false};
    Signal opened;
    ScriptedOpener opener([&](ScriptedSession& session) {
        echo(session);
        const std::lock_guard lock(mutex);
        address = session.connection().remoteAddress();
        host = session.connection().remoteHost();
        onLoop = session.connection().loop().isCurrentThread();
        opened.add();
    });
    Server server(opener);
    Client client(server.port());
    REQUIRE(client.send("x"));
    REQUIRE(opened.reaches(1));
    const std::lock_guard lock(mutex);
    REQUIRE(address == "127.0.0.1:" + std::to_string(client.port()));
    REQUIRE(host == "127.0.0.1");
    REQUIRE(onLoop);
    REQUIRE(!server.loops().next().isCurrentThread());
}
