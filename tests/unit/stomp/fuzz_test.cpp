// Random input: no crash, bounded memory, whole frames out.

#include <catch2/catch.hpp>

#include <random>

#include "stomp_client.h"

namespace nsq::stomp {

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

    /// A frame or some that are right, or nearly so.
    std::string input() {
        const std::string number = std::to_string(++last_);
        const std::string message = std::to_string(1 + below(3)) + "-0a1b2c3d0000000" +
                                    std::to_string(below(10)) + '-' + std::to_string(1 + below(8) / 7);
        const std::string modes[] = {"auto", "client", "client-individual"};
        const std::string begin =
            frame("BEGIN\ntransaction:" + number + "\n\n") +
            frame("SEND\ndestination:/topic/t\ntransaction:" + number + "\n\nx") +
            frame("ACK\nid:" + message + "\nmessage-id:" + message + "\ntransaction:" + number + "\n\n");
        const std::string often[] = {
            frame("SEND\ndestination:/topic/t\n\nhello"),
            frame("SEND\ndestination:/topic/t\nreceipt:" + number + "\n\nhello"),
            frame("SEND\ndestination:/topic/t\ncontent-length:3\ndelay:5\n\n" + std::string{"\0\n\0", 3}),
            frame("ACK\nid:" + message + "\nmessage-id:" + message + "\n\n"),
            frame("NACK\nid:" + message + "\nmessage-id:" + message + "\n\n"),
            frame("SUBSCRIBE\nid:" + number +
                  "\ndestination:/queue/t/c\nprefetch-count:3\nack:" + modes[below(3)] + "\n\n"),
            frame("SUBSCRIBE\nid:" + number + "\ndestination:/topic/t\n\n"),
            frame("SUBSCRIBE\nid:" + number + "\ndestination:/queue/t/d\n\n") +
                frame("UNSUBSCRIBE\nid:" + number + "\n\n"),
            begin + frame("COMMIT\ntransaction:" + number + "\nreceipt:c\n\n"),
            begin + frame("ABORT\ntransaction:" + number + "\n\n"),
            "\n",
            "\r\n"};
        std::string text =
            below(200) == 0 ? frame("DISCONNECT\nreceipt:d\n\n") : often[below(std::size(often))];
        if (below(40) == 0) mutate(text);
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
    int last_ = 0;
};

/// Answers some of what the authorizer is asked.
void authorize(sdk::testing::FakeHost& host, const Client& client, Fuzzer& fuzzer) {
    if (host.fakeAuthorizer.open() == 0 || fuzzer.below(2) == 0) return;
    if (fuzzer.below(30) == 0) return host.fakeAuthorizer.fail("no");
    sdk::testing::FakeAuthorization authorization;
    authorization.expiresAt = client.loop.now() + std::chrono::milliseconds{fuzzer.below(1000)};
    host.fakeAuthorizer.grant(authorization);
}

/// One client's life. Every fourth needs a passcode. Returns how many frames it got.
std::size_t live(std::uint32_t seed) {
    Fuzzer fuzzer{seed};
    sdk::testing::FakeHost host;
    host.limitValues.maxBodySize = 2000;
    host.limitValues.maxMsgSize = 1000;
    host.fakeAuthorizer.require(seed % 4 == 0);
    Client client{host};
    client.connection.setRoom(2000);
    client.connection.receive(frame("CONNECT\naccept-version:1." + std::to_string(fuzzer.below(3)) +
                                    "\npasscode:x\nheart-beat:0,1000\n\n"));
    std::size_t received = 0;
    std::size_t answers = 0;
    for (int step = 0; step < 60 && !client.connection.closed(); ++step) {
        host.fakeBroker.holdOutcomes(fuzzer.below(4) == 0);
        client.connection.holdOutput(fuzzer.below(8) == 0);
        const std::string input = fuzzer.below(60) == 0 ? fuzzer.garbage(100) : fuzzer.input();
        const std::size_t cut = fuzzer.below(input.size() + 1);
        client.connection.receive(input.substr(0, cut));
        if (fuzzer.below(2) == 0) client.connection.endTurn();
        client.connection.receive(input.substr(cut));
        received += input.size();
        if (fuzzer.below(5) == 0) host.fakeBroker.releaseOutcomes(fuzzer.below(3));
        if (fuzzer.below(200) == 0) static_cast<void>(host.fakeBroker.deleteChannel("t", "c"));
        authorize(host, client, fuzzer);
        client.passTime(std::chrono::milliseconds{fuzzer.below(200)});
        client.connection.endTurn();
        REQUIRE(client.connection.pending() <= client.session->maxPending() + input.size());
        REQUIRE(client.connection.output().size() < 10'000 + received);
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
    CHECK(answers > 15000);
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

}  // namespace nsq::stomp
