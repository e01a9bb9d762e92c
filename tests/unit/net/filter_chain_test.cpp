#include "net/filter_chain.h"

#include <catch2/catch.hpp>

#include "net/deflate_codec.h"
#include "net/snappy_codec.h"
#include "unit/net/codec_fixture.h"
#include "unit/net/tls_fixture.h"

namespace nsq::net::test {

using nsq::test::decoded;
using nsq::test::encoded;
using nsq::test::randomText;

namespace {

std::string takeAll(sdk::Output& output) {
    std::string text;
    std::array<sdk::Bytes, 8> pieces;
    while (!output.empty()) {
        std::size_t size = 0;
        for (const sdk::Bytes piece : std::span{pieces}.first(output.peek(pieces))) {
            text += sdk::asText(piece);
            size += piece.size();
        }
        output.consume(size);
    }
    return text;
}

/// A chain and the session's end of it.
struct Server {
    /// All that is to be sent now.
    std::string send(bool last = false) {
        std::string wire;
        do {
            chain.encode(output, last, scratch);
            wire += takeAll(chain.wire());
        } while (chain.hasOutput(output, last));
        return wire;
    }

    void write(std::string_view text) { output.write(sdk::asBytes(text)); }

    /// What the session gets of these bytes, `room` at a time.
    std::string receive(std::string_view wire, std::size_t room = 100'000) {
        chain.receive(sdk::asBytes(wire));
        std::string plain;
        std::vector<std::byte> buffer(room);
        while (chain.hasInput()) plain += sdk::asText(sdk::Bytes{buffer}.first(chain.decode(buffer)));
        return plain;
    }

    FilterChain chain;
    sdk::Output output;
    std::vector<std::byte> scratch = std::vector<std::byte>(FilterChain::kPiece);
};

/// Returns what the server's session gets meanwhile.
std::string shakeHands(Server& server, TlsClient& client) {
    std::string plain;
    for (int i = 0; i < 4; ++i) {
        plain += server.receive(client.takeWire());
        client.receive(server.send());
    }
    return plain;
}

}  // namespace

TEST_CASE("output before TLS goes out as it is, output behind it waits for the handshake") {
    const CertificateFiles files{"server"};
    const auto context = tlsContext(files);
    Server server;
    TlsClient client;
    server.write("answer");
    server.chain.startTls(*context, server.output);
    server.write("OK");
    CHECK(server.send() == "answer");
    CHECK(server.chain.handshaking());
    CHECK(server.output.size() == 2);
    CHECK_FALSE(server.chain.hasOutput(server.output, false));
    shakeHands(server, client);
    CHECK_FALSE(server.chain.handshaking());
    CHECK(client.read() == "OK");
    CHECK(client.serverName() == "server");
}

TEST_CASE("bytes go both ways through TLS, in any pieces") {
    const CertificateFiles files{"server"};
    const auto context = tlsContext(files);
    Server server;
    TlsClient client;
    server.chain.startTls(*context, server.output);
    shakeHands(server, client);
    const std::string text = randomText(300'000);
    server.write(text);
    client.receive(server.send());
    CHECK(client.read() == text);
    client.write(text);
    const std::string wire = client.takeWire();
    const std::size_t piece = GENERATE(1000UL, 16'000UL, 400'000UL);
    const std::size_t room = GENERATE(7UL, 5000UL, 400'000UL);
    std::string plain;
    for (std::size_t at = 0; at < wire.size(); at += piece) {
        plain += server.receive(wire.substr(at, piece), room);
    }
    CHECK(plain == text);
}

TEST_CASE("a handshake byte by byte") {
    const CertificateFiles files{"server"};
    const auto context = tlsContext(files);
    Server server;
    TlsClient client;
    server.chain.startTls(*context, server.output);
    for (int i = 0; i < 4; ++i) {
        for (const char c : client.takeWire()) CHECK(server.receive({&c, 1}).empty());
        client.receive(server.send());
    }
    CHECK_FALSE(server.chain.handshaking());
}

TEST_CASE("compression above TLS: each is confirmed through itself") {
    const CertificateFiles files{"server"};
    const auto context = tlsContext(files);
    Server server;
    TlsClient client;
    DeflateCodec clientsCodec{6};
    server.write("answer");
    server.chain.startTls(*context, server.output);
    server.write("first OK");
    server.chain.startCodec(std::make_unique<DeflateCodec>(6), server.output);
    server.write("second OK");
    CHECK(server.send() == "answer");
    shakeHands(server, client);
    const std::string received = client.read();
    REQUIRE(received.substr(0, 8) == "first OK");
    CHECK(decoded(clientsCodec, received.substr(8)) == "second OK");
    const std::string text = randomText(100'000);
    client.write(encoded(clientsCodec, text));
    CHECK(server.receive(client.takeWire(), 333) == text);
}

TEST_CASE("what the session left when it started a filter is the filter's") {
    SnappyCodec clientsCodec;
    Server server;
    server.write("answer");
    server.chain.startCodec(std::make_unique<SnappyCodec>(), server.output);
    const std::string wire = encoded(clientsCodec, "hello");
    server.chain.putBack(sdk::asBytes(std::string_view{wire}.substr(0, 5)));
    CHECK(server.receive(wire.substr(5)) == "hello");
    CHECK(server.send() == "answer");

    const CertificateFiles files{"server"};
    const auto context = tlsContext(files);
    Server secured;
    TlsClient client;
    secured.chain.startTls(*context, secured.output);
    shakeHands(secured, client);
    SnappyCodec another;
    client.write("start" + encoded(another, "hello"));
    const std::string plain = secured.receive(client.takeWire());
    REQUIRE(plain.substr(0, 5) == "start");
    secured.chain.startCodec(std::make_unique<SnappyCodec>(), secured.output);
    secured.chain.putBack(sdk::asBytes(std::string_view{plain}.substr(5)));
    CHECK(secured.receive("") == "hello");
}

TEST_CASE("a decoded bomb comes in steps of the room there is") {
    DeflateCodec clientsCodec{9};
    const std::string bomb = encoded(clientsCodec, std::string(50'000'000, '\0'));
    REQUIRE(bomb.size() < 100'000);
    Server server;
    server.chain.startCodec(std::make_unique<DeflateCodec>(6), server.output);
    server.chain.receive(sdk::asBytes(bomb));
    std::vector<std::byte> room(1000);
    for (int i = 0; i < 100; ++i) {
        REQUIRE(server.chain.decode(room) == room.size());
        REQUIRE(server.chain.hasInput());
    }
    CHECK(server.chain.unsent() == 0);
}

TEST_CASE("the end of each side is told") {
    const CertificateFiles files{"server"};
    const auto context = tlsContext(files);
    Server server;
    TlsClient client;
    server.chain.startTls(*context, server.output);
    shakeHands(server, client);
    client.write("last words");
    client.end();
    CHECK(server.receive(client.takeWire(), 4) == "last words");
    CHECK(server.chain.inputEnded());
    CHECK(server.receive("anything").empty());
    server.write("bye");
    CHECK(server.chain.hasOutput(server.output, true));
    client.receive(server.send(true));
    CHECK_FALSE(server.chain.hasOutput(server.output, true));
    CHECK(client.read() == "bye");
    CHECK(client.serverEnded());
}

TEST_CASE("a connection that closes within the handshake throws away what waited for it") {
    const CertificateFiles files{"server"};
    const auto context = tlsContext(files);
    Server server;
    server.chain.startTls(*context, server.output);
    server.write("OK");
    CHECK(server.send(true).empty());
    CHECK(server.output.empty());
}

TEST_CASE("a handshake that fails leaves a plain connection") {
    const CertificateFiles files{"server"};
    const auto context = tlsContext(files);
    Server server;
    server.chain.startTls(*context, server.output);
    server.write("OK");
    server.chain.receive(sdk::asBytes("this is no handshake"));
    std::vector<std::byte> room(1000);
    CHECK_THROWS_AS(server.chain.decode(room), CodecError);
    server.chain.giveUp(server.output);
    server.write("E_IDENTIFY_FAILED");
    CHECK(server.send(true) == "E_IDENTIFY_FAILED");
}

TEST_CASE("a forged record ends the connection with an alert and nothing else") {
    const CertificateFiles files{"server"};
    const auto context = tlsContext(files);
    Server server;
    TlsClient client;
    server.chain.startTls(*context, server.output);
    shakeHands(server, client);
    client.write("hello");
    std::string wire = client.takeWire();
    wire.back() = static_cast<char>(wire.back() ^ 1);
    server.chain.receive(sdk::asBytes(wire));
    std::vector<std::byte> room(1000);
    CHECK_THROWS_WITH(server.chain.decode(room), Catch::StartsWith("tls: "));
    server.write("more");
    client.receive(server.send(true) + server.send(true));
    CHECK(server.output.empty());
    CHECK(client.read().empty());
}

TEST_CASE("a client may renew its keys, but not keep the server busy with it") {
    const CertificateFiles files{"server"};
    const auto context = tlsContext(files);
    Server server;
    TlsClient client;
    server.chain.startTls(*context, server.output);
    shakeHands(server, client);
    for (int i = 0; i < 100; ++i) {
        client.renewKeys();
        client.write("new keys ");
        CHECK(server.receive(client.takeWire()) == "new keys ");
        server.write("answer");
        client.receive(server.send());
        CHECK(client.read() == "answer");
    }
    client.write("before");
    for (int i = 0; i < 1000; ++i) client.renewKeys();
    client.write("behind");
    server.chain.receive(sdk::asBytes(client.takeWire()));
    std::vector<std::byte> room(1000);
    CHECK(sdk::asText(sdk::Bytes{room}.first(server.chain.decode(room))) == "before");
    CHECK(server.chain.unsent() < 2000);
    CHECK_THROWS_WITH(server.chain.decode(room), "tls: too many messages that are not data");
}

TEST_CASE("a client that does not read what TLS itself answers is given up") {
    const CertificateFiles files{"server"};
    const auto context = tlsContext(files);
    Server server;
    TlsClient client;
    server.chain.startTls(*context, server.output);
    shakeHands(server, client);
    const auto flood = [&] {
        for (int i = 0; i < 100'000; ++i) {
            client.renewKeys();
            client.write("x");
            server.receive(client.takeWire());
        }
    };
    CHECK_THROWS_WITH(flood(), "tls: too many messages that are not data");
    CHECK(server.chain.unsent() < 300'000);
}

TEST_CASE("a client's certificate gives its common name") {
    const CertificateFiles files{"server"};
    const CertificateFiles identity{"h\xc3\xa9llo"};
    const auto context = tlsContext(files, ClientCertificate::kAny);
    Server server;
    TlsClient client{&identity};
    CHECK(server.chain.peerCommonName().empty());
    server.chain.startTls(*context, server.output);
    shakeHands(server, client);
    CHECK(server.chain.peerCommonName() == "h\xc3\xa9llo");
    sdk::ClientStats stats;
    server.chain.describe(stats);
    CHECK(stats.tls);
    CHECK(stats.tlsVersion == "TLS1.3");
    CHECK(stats.tlsCipherSuite.substr(0, 4) == "TLS_");
}

TEST_CASE("filters are started once, TLS first") {
    const CertificateFiles files{"server"};
    const auto context = tlsContext(files);
    Server server;
    server.chain.startCodec(std::make_unique<SnappyCodec>(), server.output);
    CHECK_THROWS_AS(server.chain.startCodec(std::make_unique<SnappyCodec>(), server.output),
                    std::logic_error);
    CHECK_THROWS_AS(server.chain.startTls(*context, server.output), std::logic_error);
}

TEST_CASE("a certificate is read again, or the one before stays") {
    const CertificateFiles files{"before"};
    const auto context = tlsContext(files);
    const auto name = [&] {
        Server server;
        TlsClient client;
        server.chain.startTls(*context, server.output);
        shakeHands(server, client);
        return client.serverName();
    };
    files.write("after");
    CHECK(name() == "before");
    REQUIRE(context->reload());
    CHECK(name() == "after");
    std::filesystem::resize_file(files.key(), 5);
    const auto failed = context->reload();
    REQUIRE_FALSE(failed);
    CHECK_THAT(failed.error().text,
               Catch::StartsWith("option --tls-key: " + files.key() + " cannot be used: "));
    CHECK(name() == "after");
}

}  // namespace nsq::net::test
