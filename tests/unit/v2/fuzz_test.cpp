// Random input: no crash, bounded memory, whole frames out.

#include <catch2/catch.hpp>

#include <random>

#include "v2_client.h"

namespace nsq::v2 {

namespace {

class Fuzzer {
public:
    explicit Fuzzer(std::uint32_t seed) : random_(seed) {}

    std::size_t below(std::size_t limit) { return random_() % limit; }

    std::string garbage(std::size_t most) {
        std::string bytes(below(most + 1), '\0');
        for (char& byte : bytes) byte = static_cast<char>(random_());
        return bytes;
    }

    /// A command that is right, or nearly so.
    std::string command() {
        static const std::string kOnce[] = {
            "SUB t c\n", "CLS\n", "AUTH\n" + sized("x"),
            identifyCommand(R"({"feature_negotiation":true,"msg_timeout":2000})")};
        static const std::string kOften[] = {"NOP\n",
                                             "RDY 5\n",
                                             "FIN 0a1b2c3d00000001\n",
                                             "FIN 0a1b2c3d00000003\r\n",
                                             "REQ 0a1b2c3d00000002 0\n",
                                             "TOUCH 0a1b2c3d00000001\n",
                                             "PUB t\n" + sized("hello"),
                                             "DPUB t 10\n" + sized("later"),
                                             "MPUB t\n" + mpubBody({"a", "bb", "ccc"})};
        std::string text = below(40) == 0 ? kOnce[below(std::size(kOnce))] : kOften[below(std::size(kOften))];
        if (below(25) == 0) mutate(text);
        return text;
    }

private:
    void mutate(std::string& text) {
        const std::size_t at = below(text.size());
        switch (below(4)) {
            case 0:
                text[at] = static_cast<char>(random_());
                break;
            case 1:
                text.erase(at, 1 + below(4));
                break;
            case 2:
                text.insert(at, garbage(6));
                break;
            default:
                text.resize(at);
                break;
        }
    }

    std::mt19937 random_;
};

/// Answers some of what the authorizer is asked.
void authorize(sdk::testing::FakeHost& host, const Client& client, Fuzzer& fuzzer) {
    if (host.fakeAuthorizer.open() == 0 || fuzzer.below(2) == 0) return;
    if (fuzzer.below(30) == 0) return host.fakeAuthorizer.fail("no");
    sdk::testing::FakeAuthorization authorization;
    authorization.expiresAt = client.loop.now() + std::chrono::milliseconds{fuzzer.below(1000)};
    host.fakeAuthorizer.grant(authorization);
}

/// One client's life. Every fourth has to AUTH. Returns how many commands' worth of answers it got.
std::size_t live(std::uint32_t seed) {
    Fuzzer fuzzer{seed};
    sdk::testing::FakeHost host;
    host.limitValues.maxBodySize = 2000;
    host.limitValues.maxMsgSize = 1000;
    host.fakeAuthorizer.require(seed % 4 == 0);
    Client client{host};
    client.connection.setRoom(2000);
    if (host.fakeAuthorizer.required()) client.connection.receive("AUTH\n" + sized("x"));
    client.connection.receive("SUB t c\nRDY 3\n");
    std::size_t answers = 0;
    std::size_t received = 0;
    for (int step = 0; step < 60 && !client.connection.closed(); ++step) {
        host.fakeBroker.holdOutcomes(fuzzer.below(4) == 0);
        client.connection.holdOutput(fuzzer.below(8) == 0);
        std::string input = fuzzer.below(60) == 0 ? fuzzer.garbage(100) : fuzzer.command();
        const std::size_t cut = fuzzer.below(input.size() + 1);
        client.connection.receive(input.substr(0, cut));
        if (fuzzer.below(2) == 0) client.connection.endTurn();
        client.connection.receive(input.substr(cut));
        received += input.size();
        if (fuzzer.below(5) == 0) host.fakeBroker.releaseOutcomes(fuzzer.below(3));
        authorize(host, client, fuzzer);
        client.passTime(std::chrono::milliseconds{fuzzer.below(200)});
        client.connection.endTurn();
        REQUIRE(client.connection.pending() <= client.session->maxPending() + input.size());
        REQUIRE(client.connection.output().size() < 2000 + 100 * received);
        static_cast<void>(client.stats());
        if (client.connection.output().empty()) {
            for (const std::string& line : readable(client.connection.sent())) {
                REQUIRE(line[0] != '?');
                ++answers;
            }
        }
    }
    return answers;
}

}  // namespace

TEST_CASE("Any input is answered or refused") {
    std::size_t answers = 0;
    for (std::uint32_t seed = 1; seed <= 4000; ++seed) {
        CAPTURE(seed);
        answers += live(seed);
    }
    CHECK(answers > 50000);
}

TEST_CASE("Plain garbage is refused") {
    for (std::uint32_t seed = 1; seed <= 200; ++seed) {
        CAPTURE(seed);
        Fuzzer fuzzer{seed};
        sdk::testing::FakeHost host;
        Client client{host};
        std::size_t sent = 0;
        while (!client.connection.closed() && sent < 100'000) {
            const std::string bytes = fuzzer.garbage(2000);
            client.connection.exchange(bytes);
            sent += bytes.size();
        }
        REQUIRE(client.connection.closed());
    }
}

TEST_CASE("The largest commands fit into maxPending") {
    sdk::testing::FakeHost host;
    Client client{host};
    const auto [lineStart, body] = GENERATE(table<std::string, std::string>(
        {{"PUB t ", sized(std::string(1048576, 'x'))},
         {"MPUB t ",
          mpubBody({std::string(1048576, 'a'), std::string(1048576, 'b'), std::string(1048576, 'c'),
                    std::string(1048576, 'd'), std::string(1048000, 'e')})},
         {"IDENTIFY ", sized("{}" + std::string(5242878, ' '))}}));
    const std::string input = lineStart + std::string(16383 - lineStart.size(), 'p') + "\n" + body;
    REQUIRE(input.size() <= client.session->maxPending());
    for (std::size_t at = 0; at < input.size(); at += 65536) {
        client.connection.receive(std::string_view{input}.substr(at, 65536));
        REQUIRE(client.connection.unread() == 0);
    }
    CHECK(client.idle() == Lines{"OK"});
}

}  // namespace nsq::v2
