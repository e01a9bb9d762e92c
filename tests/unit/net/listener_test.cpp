#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <filesystem>
#include <thread>

#include "unit/net/client.h"
#include "unit/net/fixture.h"

using namespace nsq;
using namespace nsq::net;
using namespace nsq::net::test;
using namespace std::chrono_literals;

namespace {

/// Takes every descriptor this process may have.
class NoDescriptors {
public:
    NoDescriptors() {
        ::getrlimit(RLIMIT_NOFILE, &before_);
        Fd highest(::open("/dev/null", O_RDONLY | O_CLOEXEC));
        rlimit low = before_;
        low.rlim_cur = static_cast<rlim_t>(highest.get()) + 50;
        ::setrlimit(RLIMIT_NOFILE, &low);
        taken_.push_back(std::move(highest));
        for (;;) {
            Fd next(::open("/dev/null", O_RDONLY | O_CLOEXEC));
            if (next.get() < 0) break;
            taken_.push_back(std::move(next));
        }
    }
    ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

private:
    rlimit before_{};
    std::vector<Fd> taken_;
};

/// A process that may have few descriptors.
class FewDescriptors {
public:
    explicit FewDescriptors(int more) {
        ::getrlimit(RLIMIT_NOFILE, &before_);
        const Fd lowest(::open("/dev/null", O_RDONLY | O_CLOEXEC));
        rlimit low = before_;
        low.rlim_cur = static_cast<rlim_t>(lowest.get() + more);
        ::setrlimit(RLIMIT_NOFILE, &low);
    }
    ~FewDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

private:
    rlimit before_{};
};

/// True once `isTrue` is, false when that takes too long.
template <typename Condition>
bool comesTrue(Condition isTrue) {
    const auto deadline = sdk::Clock::now() + kPatience;
    while (!isTrue()) {
        if (sdk::Clock::now() > deadline) return false;
        std::this_thread::yield();
    }
    return true;
}

}  // namespace

TEST_CASE("a listener on a unix socket") {
    const std::string path =
        std::filesystem::temp_directory_path() / ("nsq-net-test-" + std::to_string(::getpid()) + ".sock");
    auto sink = std::make_shared<spdlog::sinks::ringbuffer_sink_mt>(10);
    spdlog::logger logger("test", sink);
    LoopGroup loops(1, logger);
    ScriptedOpener opener([](ScriptedSession& session) {
        session.dataFunction = [&session](sdk::Bytes data) {
            session.connection().output().write(sdk::asBytes(session.connection().remoteAddress() + "|"));
            session.connection().output().write(sdk::asBytes(session.connection().remoteHost()));
            session.connection().close("told");
            return data.size();
        };
    });
    Poco::Net::ServerSocket socket{Poco::Net::SocketAddress(Poco::Net::AddressFamily::UNIX_LOCAL, path)};
    Listener listener(socket, loops, opener, ConnectionKind::kProtocol, logger);
    loops.start();
    listener.start();
    Client client(path);
    REQUIRE(client.send("x"));
    REQUIRE(client.receiveAll() == "@|");
    listener.stop();
    std::filesystem::remove(path);
}

TEST_CASE("an IPv6 listener names its clients") {
    auto sink = std::make_shared<spdlog::sinks::ringbuffer_sink_mt>(10);
    spdlog::logger logger("test", sink);
    LoopGroup loops(1, logger);
    ScriptedOpener opener([](ScriptedSession& session) {
        session.dataFunction = [&session](sdk::Bytes data) {
            session.connection().output().write(sdk::asBytes(session.connection().remoteAddress() + "|"));
            session.connection().output().write(sdk::asBytes(session.connection().remoteHost()));
            session.connection().close("told");
            return data.size();
        };
    });
    // Both families: the test's client comes as an IPv4 address in IPv6's clothes.
    Poco::Net::ServerSocket socket;
    try {
        socket.bind6(0, true, false);
    } catch (const Poco::Exception&) {
        WARN("this machine has no IPv6");
        return;
    }
    const int port = socket.address().port();
    Listener listener(socket, loops, opener, ConnectionKind::kProtocol, logger);
    loops.start();
    listener.start();
    Client client(port);
    REQUIRE(client.send("x"));
    REQUIRE(client.receiveAll() == "127.0.0.1:" + std::to_string(client.port()) + "|127.0.0.1");
}

TEST_CASE("a stopped listener refuses connections and leaves the others alone") {
    ScriptedOpener opener(echo);
    Server server(opener);
    Client client(server.port());
    REQUIRE(client.send("1"));
    REQUIRE(client.receive(1) == "1");
    server.listener().stop();
    REQUIRE(client.send("2"));
    REQUIRE(client.receive(1) == "2");
    REQUIRE_THROWS(Client(server.port()));
}

TEST_CASE("a burst of connections is accepted whole") {
    ScriptedOpener opener(echo);
    Server server(opener, kPatience, 2);
    constexpr int kThreads = 4;
    constexpr int kEach = 100;
    std::atomic<int> served{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i) {
        threads.emplace_back([&] {
            std::vector<Client> clients;
            for (int k = 0; k < kEach; ++k) clients.emplace_back(server.port());
            for (Client& client : clients) client.send("x");
            for (Client& client : clients) served += client.receive(1) == "x";
        });
    }
    for (std::thread& thread : threads) thread.join();
    REQUIRE(served == kThreads * kEach);
}

TEST_CASE("running out of descriptors is survived") {
    ScriptedOpener opener(echo);
    Server server(opener);
    Client client;
    {
        const NoDescriptors none;
        client.connect(server.port());
        REQUIRE(client.send("x"));
        const auto before = sdk::Clock::now();
        while (server.log().find("cannot accept a connection") == std::string::npos) {
            REQUIRE(sdk::Clock::now() - before < kPatience);
            std::this_thread::yield();
        }
    }
    REQUIRE(client.receive(1) == "x");
    // Told once, however often it was tried.
    const std::string log = server.log();
    REQUIRE(log.find("cannot accept") == log.rfind("cannot accept"));
}

TEST_CASE("connections leave descriptors for files, and go on when some are free again") {
    std::atomic<std::size_t> opened{0};
    ScriptedOpener opener([&opened](ScriptedSession& session) {
        echo(session);
        ++opened;
    });
    const FewDescriptors few(80);
    Server server(opener);
    const auto isShort = [&server] {
        return server.log().find("cannot accept a connection") != std::string::npos;
    };
    std::vector<Client> clients;
    while (!isShort()) {
        REQUIRE(clients.size() < 80);
        REQUIRE(clients.emplace_back(server.port()).send("x"));
        REQUIRE(comesTrue([&] { return opened == clients.size() || isShort(); }));
    }
    std::vector<Fd> files;
    for (int i = 0; i < 5; ++i) {
        files.emplace_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
        REQUIRE(files.back().get() >= 0);
    }
    files.clear();
    REQUIRE(opened == clients.size() - 1);
    clients.erase(clients.begin(), clients.begin() + 5);
    REQUIRE(clients.back().receive(1) == "x");
}
