#include <sys/resource.h>

#include <catch2/catch.hpp>

#include "net/protocol_registry.h"
#include "unit/net/client.h"
#include "unit/net/fixture.h"

using namespace nsq;
using namespace nsq::net;
using namespace nsq::net::test;
using namespace std::chrono_literals;

namespace {

constexpr sdk::Magic kEchoMagic{' ', ' ', 'E', 'C'};
constexpr std::string_view kBadProtocol{"\0\0\0\x12\0\0\0\1E_BAD_PROTOCOL", 22};

/// Echoes, the magic included.
class EchoProtocol final : public sdk::Protocol {
public:
    explicit EchoProtocol(std::string_view name = "Echo") : name_(name) {}
    std::string_view name() const override { return name_; }
    std::unique_ptr<sdk::Session> createSession(sdk::Connection& connection) override {
        auto session = std::make_unique<ScriptedSession>(connection);
        echo(*session);
        return session;
    }

private:
    std::string_view name_;
};

void allowDescriptors(rlim_t count) {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur >= count) return;
    limit.rlim_cur = std::min(count, limit.rlim_max);
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

TEST_CASE("the magic chooses the protocol, however slowly it comes") {
    ProtocolRegistry registry;
    REQUIRE(registry.add(kEchoMagic, std::make_shared<EchoProtocol>()).ok());
    Server server(registry);
    Client client(server.port());
    for (const char c : kEchoMagic) REQUIRE(client.send(std::string(1, c)));
    REQUIRE(client.receive(4) == "  EC");
    Client quick(server.port());
    REQUIRE(quick.send("  EChello"));
    REQUIRE(quick.receive(9) == "  EChello");
}

TEST_CASE("an unknown magic gets E_BAD_PROTOCOL and a close") {
    ProtocolRegistry registry;
    Server server(registry);
    Client client(server.port());
    REQUIRE(client.send("GET / HTTP/1.1\r\n\r\n"));
    REQUIRE(client.receiveAll() == kBadProtocol);
}

TEST_CASE("a magic belongs to one protocol") {
    ProtocolRegistry registry;
    REQUIRE(registry.add({' ', ' ', 'V', '2'}, std::make_shared<EchoProtocol>("V2")).ok());
    REQUIRE(registry.add({'\0', ' ', 'V', '2'}, std::make_shared<EchoProtocol>("Odd")).ok());
    const sdk::Result<void> added =
        registry.add({'\0', ' ', 'V', '2'}, std::make_shared<EchoProtocol>("Late"));
    REQUIRE(!added.ok());
    REQUIRE(added.error().code == sdk::ErrorCode::kInvalid);
    REQUIRE(added.error().text ==
            "protocol Late wants the magic \"\\x00 V2\", which protocol Odd has already");
    const auto list = registry.list();
    REQUIRE(list.size() == 2);
    REQUIRE(list[0].protocol == "Odd");
    REQUIRE(list[1].protocol == "V2");
    REQUIRE(list[1].magic == sdk::Magic{' ', ' ', 'V', '2'});
}

TEST_CASE("a client that is silent, or not quick enough, is dropped at the deadline") {
    ProtocolRegistry registry;
    REQUIRE(registry.add(kEchoMagic, std::make_shared<EchoProtocol>()).ok());
    Server server(registry, 300ms);
    Client speaks(server.port());
    REQUIRE(speaks.send("  EC"));
    REQUIRE(speaks.receive(4) == "  EC");
    const auto before = sdk::Clock::now();
    Client silent(server.port());
    Client slow(server.port());
    REQUIRE(slow.send("  E"));
    REQUIRE(silent.receiveAll().empty());
    REQUIRE(slow.receiveAll().empty());
    REQUIRE(sdk::Clock::now() - before >= 290ms);
    REQUIRE(sdk::Clock::now() - before < 5s);
    REQUIRE(speaks.send("still here"));
    REQUIRE(speaks.receive(10) == "still here");
}

TEST_CASE("an opener that throws or returns null closes the connection") {
    class BadOpener final : public SessionOpener {
    public:
        std::size_t bytesNeeded() const override { return 1; }
        std::unique_ptr<sdk::Session> open(sdk::Connection& connection, sdk::Bytes first) override {
            if (sdk::asText(first) == "t") throw std::runtime_error("broken opener");
            if (sdk::asText(first) == "c") {
                connection.close("at once");
                return std::make_unique<ScriptedSession>(connection);
            }
            connection.output().write(sdk::asBytes("no"));
            return nullptr;
        }
    };
    BadOpener opener;
    Server server(opener);
    Client throwing(server.port());
    REQUIRE(throwing.send("t"));
    REQUIRE(throwing.receiveAll().empty());
    REQUIRE(server.log().find("broken opener") != std::string::npos);
    Client refused(server.port());
    REQUIRE(refused.send("r"));
    REQUIRE(refused.receiveAll() == "no");
    Client closed(server.port());
    REQUIRE(closed.send("c"));
    REQUIRE(closed.receiveAll().empty());
}

TEST_CASE("2,000 silent clients do not delay one that speaks") {
    constexpr int kSilent = 2000;
    allowDescriptors(2 * kSilent + 200);
    ProtocolRegistry registry;
    REQUIRE(registry.add(kEchoMagic, std::make_shared<EchoProtocol>()).ok());
    Server server(registry, kPatience, 2);
    std::vector<Client> silent;
    for (int i = 0; i < kSilent; ++i) silent.emplace_back(server.port());
    const auto before = sdk::Clock::now();
    Client client(server.port());
    REQUIRE(client.send("  EC"));
    REQUIRE(client.receive(4) == "  EC");
    REQUIRE(sdk::Clock::now() - before < 2s);
    // And all of them are served once they speak.
    for (Client& late : silent) REQUIRE(late.send("  EC"));
    for (Client& late : silent) REQUIRE(late.receive(4) == "  EC");
}
