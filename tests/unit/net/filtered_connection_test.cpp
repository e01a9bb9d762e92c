// Filters on real connections.

#include <atomic>
#include <catch2/catch.hpp>

#include "net/deflate_codec.h"
#include "unit/net/client.h"
#include "unit/net/codec_fixture.h"
#include "unit/net/fixture.h"
#include "unit/net/tls_fixture.h"

using namespace nsq;
using namespace nsq::net;
using namespace nsq::net::test;
using namespace std::chrono_literals;
using nsq::test::decoded;
using nsq::test::encoded;
using nsq::test::randomText;

namespace {

/// Sends the first byte, which makes the session start deflate, and has its confirmation.
void startDeflate(Client& client, DeflateCodec& codec) {
    REQUIRE(client.send("D"));
    REQUIRE(client.receive(5) == "plain");
    DeflateCodec servers{6};
    REQUIRE(decoded(codec, client.receive(encoded(servers, "OK").size())) == "OK");
}

/// Answers a D with `plain`, and then everything by what `onData` does, through deflate.
void deflating(ScriptedSession& session, std::function<std::size_t(sdk::Bytes)> onData) {
    session.dataFunction = [&session, onData, started = false](sdk::Bytes data) mutable -> std::size_t {
        if (started) return onData(data);
        started = true;
        session.connection().output().write(sdk::asBytes("plain"));
        session.connection().startDeflate(6);
        session.connection().output().write(sdk::asBytes("OK"));
        return 1;
    };
}

/// Blocks until the handshake is done.
void shakeHands(Client& client, TlsClient& tls) {
    while (!tls.established()) {
        REQUIRE(client.send(tls.takeWire()));
        if (tls.established()) break;
        const std::string some = client.receive(1);
        REQUIRE(some.size() == 1);
        tls.receive(some);
    }
    REQUIRE(client.send(tls.takeWire()));
}

}  // namespace

TEST_CASE("input in the same packet as what starts a filter goes through it") {
    ScriptedOpener opener([&](ScriptedSession& session) {
        deflating(session, [&session](sdk::Bytes data) {
            session.connection().output().write(data);
            return data.size();
        });
    });
    Server server(opener);
    Client client(server.port());
    DeflateCodec codec{6};
    const std::string text = randomText(200'000);
    REQUIRE(client.send("D" + encoded(codec, text)));
    client.endInput();
    const std::string all = client.receiveAll();
    REQUIRE(all.substr(0, 5) == "plain");
    REQUIRE(decoded(codec, all.substr(5)) == "OK" + text);
}

TEST_CASE("input goes through a filter started after the client's end, which then comes again") {
    bool mayStart = false;  // on the loop
    Signal called;
    Signal ended;
    ScriptedSession* session = nullptr;
    ScriptedOpener opener([&](ScriptedSession& made) {
        session = &made;
        deflating(made, [&](sdk::Bytes data) {
            made.connection().output().write(data);
            return data.size();
        });
        made.dataFunction = [&, then = made.dataFunction](sdk::Bytes data) {
            called.add();
            return mayStart ? then(data) : 0;
        };
        made.timerFunction = [&] {
            mayStart = true;
            made.connection().resumeInput();
        };
        made.inputEndFunction = [&] {
            ended.add();
            return !mayStart;
        };
    });
    Server server(opener);
    Client client(server.port());
    DeflateCodec codec{6};
    const std::string text(1'000'000, 'x');
    const bool isTold = GENERATE(true, false);
    REQUIRE(client.send("D" + encoded(codec, text)));
    REQUIRE(called.reaches(1));
    if (isTold) {
        client.endInput();
        REQUIRE(ended.reaches(1));
    }
    const auto before = sdk::Clock::now();
    // Else both come in one turn: the end, and what lets the session start the filter.
    runOn(server.loops().next(), [&] {
        client.endInput();
        session->connection().setTimer(sdk::Clock::now());
    });
    const std::string all = client.receiveAll();
    REQUIRE(all.substr(0, 5) == "plain");
    REQUIRE(decoded(codec, all.substr(5)) == "OK" + text);
    REQUIRE(ended.count() == (isTold ? 2 : 1));
    REQUIRE(sdk::Clock::now() - before < 4s);  // not by the connection's own limit
}

TEST_CASE("a session that does not keep up with a bomb stops it from being decoded") {
    constexpr std::size_t kLimit = 10'000;
    std::atomic<std::size_t> most{0};
    std::atomic<std::size_t> seen{0};
    Signal called;
    ScriptedSession* session = nullptr;
    bool takes = false;  // on the loop
    ScriptedOpener opener([&](ScriptedSession& made) {
        session = &made;
        made.pendingLimit = kLimit;
        deflating(made, [&](sdk::Bytes data) -> std::size_t {
            called.add();
            most = std::max(most.load(), data.size());
            if (!takes) return 0;
            seen += data.size();
            return data.size();
        });
    });
    Server server(opener);
    Client client(server.port());
    DeflateCodec codec{9};
    startDeflate(client, codec);
    constexpr std::size_t kBomb = 30'000'000;
    REQUIRE(client.send(encoded(codec, std::string(kBomb, 'x'))));
    REQUIRE(called.reaches(1));
    // It has more than it may hope to use: nothing more comes.
    runOn(server.loops().next(), [] {});
    runOn(server.loops().next(), [] {});
    REQUIRE(called.count() == 1);
    REQUIRE(most <= ReadBuffer::kReadSize);
    runOn(server.loops().next(), [&] {
        takes = true;
        session->connection().resumeInput();
    });
    const auto before = sdk::Clock::now();
    while (seen < kBomb && sdk::Clock::now() - before < kPatience) runOn(server.loops().next(), [] {});
    REQUIRE(seen == kBomb);
    REQUIRE(most <= ReadBuffer::kReadSize);
}

TEST_CASE("output that is encoded has its high-water mark") {
    constexpr std::size_t kTotal = 20'000'000;
    const std::string text = randomText(64 * 1024);
    std::atomic<std::size_t> written{0};
    std::atomic<std::size_t> most{0};
    ScriptedOpener opener([&](ScriptedSession& session) {
        const auto fill = [&] {
            while (session.connection().outputRoom() > 0 && written < kTotal) {
                session.connection().output().write(sdk::asBytes(text));
                written += text.size();
            }
            most = std::max(most.load(), session.connection().output().size());
            if (written >= kTotal) session.connection().close("all is written");
        };
        session.drainedFunction = fill;
        deflating(session, [fill](sdk::Bytes data) {
            fill();
            return data.size();
        });
    });
    Server server(opener);
    Client client(server.port());
    DeflateCodec codec{6};
    startDeflate(client, codec);
    REQUIRE(client.send(encoded(codec, "go")));
    REQUIRE(decoded(codec, client.receiveAll()).size() == written);
    REQUIRE(written >= kTotal);
    REQUIRE(most <= 512 * 1024);
}

TEST_CASE("what a filter holds is unsent as well") {
    ScriptedSession* session = nullptr;
    Signal written;
    ScriptedOpener opener([&](ScriptedSession& made) {
        session = &made;
        deflating(made, [&](sdk::Bytes data) {
            made.connection().output().write(sdk::asBytes(randomText(1'000'000)));
            written.add();
            return data.size();
        });
    });
    Server server(opener);
    Client client(server.port());
    DeflateCodec codec{6};
    startDeflate(client, codec);
    bool isHeld = false;
    for (int round = 1; !isHeld && round < 100; ++round) {
        REQUIRE(client.send(encoded(codec, "more")));
        REQUIRE(written.reaches(round));
        runOn(server.loops().next(), [&] {
            sdk::Connection& connection = session->connection();
            isHeld = connection.unsent() > connection.output().size();
        });
    }
    REQUIRE(isHeld);
}

TEST_CASE("what cannot be decoded closes the connection, and the answers before it arrive") {
    ScriptedOpener opener([&](ScriptedSession& session) {
        deflating(session, [&session](sdk::Bytes data) {
            session.connection().output().write(sdk::asBytes("got it"));
            return data.size();
        });
    });
    Server server(opener);
    Client client(server.port());
    DeflateCodec codec{6};
    startDeflate(client, codec);
    REQUIRE(client.send(encoded(codec, "fine") + std::string(1000, '\xff')));
    REQUIRE(decoded(codec, client.receiveAll()) == "got it");
}

TEST_CASE("TLS from the first byte: the opener sees what was decrypted") {
    const CertificateFiles files{"server"};
    const auto context = tlsContext(files);
    ScriptedOpener opener([&](ScriptedSession& session) { echo(session); }, 4);
    Server server(opener, kPatience, 1, ConnectionKind::kProtocol, {.tls = context.get()}, Transport::kTls);
    Client client(server.port());
    TlsClient tls;
    shakeHands(client, tls);
    tls.write("ab");
    REQUIRE(client.send(tls.takeWire()));
    tls.write("cdef");
    tls.end();
    REQUIRE(client.send(tls.takeWire()));
    tls.receive(client.receiveAll());
    REQUIRE(tls.read() == "abcdef");
    REQUIRE(tls.serverEnded());
}

TEST_CASE("a client of TLS that is silent is dropped after 5 s, and one that fails is told at once") {
    const CertificateFiles files{"server"};
    const auto context = tlsContext(files);
    ScriptedOpener opener([&](ScriptedSession& session) { echo(session); });
    Server server(opener, kPatience, 1, ConnectionKind::kProtocol, {.tls = context.get()}, Transport::kTls);
    Client silent(server.port());
    Client garbled(server.port());
    const auto before = sdk::Clock::now();
    REQUIRE(garbled.send("GET / HTTP/1.0\r\n\r\n"));
    garbled.endInput();
    garbled.receiveAll();
    REQUIRE(sdk::Clock::now() - before < 4s);
    REQUIRE(silent.receiveAll().empty());
    REQUIRE(sdk::Clock::now() - before > 4900ms);
    REQUIRE(sdk::Clock::now() - before < 8s);
    REQUIRE(server.log().find("the TLS handshake was not done in time") != std::string::npos);
}

TEST_CASE("a closed connection with TLS sends what is left, and its end") {
    const CertificateFiles files{"server"};
    const auto context = tlsContext(files);
    const std::string text = randomText(3'000'000);
    ScriptedOpener opener([&](ScriptedSession& session) {
        session.dataFunction = [&](sdk::Bytes data) {
            session.connection().output().write(sdk::asBytes(text));
            session.connection().close("enough");
            return data.size();
        };
    });
    Server server(opener, kPatience, 1, ConnectionKind::kProtocol, {.tls = context.get()}, Transport::kTls);
    Client client(server.port());
    TlsClient tls;
    shakeHands(client, tls);
    tls.write("x");
    REQUIRE(client.send(tls.takeWire()));
    tls.receive(client.receiveAll());
    REQUIRE(tls.read() == text);
    REQUIRE(tls.serverEnded());
}
