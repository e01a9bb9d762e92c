#include <catch2/catch.hpp>

#include "fixture.h"

namespace nsq::lookupd::test {

namespace {

using Answers = std::vector<std::string>;

constexpr const char* kServer =
    R"({"broadcast_address":"host.example","hostname":"host.example","http_port":4161,"tcp_port":4160,)"
    R"("version":"1.3.0"})";

/// The error that ends the connection.
void checkRefused(Client& client, std::string_view bytes, const std::string& error) {
    CAPTURE(bytes.substr(0, 100));
    CHECK(client.send(bytes) == Answers{error});
    CHECK(client.connection.closed());
}

void checkRefused(std::string_view bytes, const std::string& error) {
    Server server;
    Client client{server};
    checkRefused(client, bytes, error);
}

void checkRefusedLater(std::string_view bytes, const std::string& error) {
    Server server;
    Client client{server};
    client.send(identifyCommand(kBody));
    checkRefused(client, bytes, error);
}

}  // namespace

TEST_CASE("An nsqd says who it is and what it has") {
    Server server;
    Client client{server};
    CHECK(client.send(identifyCommand(kBody)) == Answers{kServer});
    CHECK(client.send("REGISTER t\nREGISTER t c\r\nPING\n") == Answers{"OK", "OK", "OK"});
    CHECK(client.send("  REGISTER u d ignored \n") == Answers{"OK"});
    CHECK(text(lookup(server.lookupd, request({{"topic", "t"}}))) ==
          R"(200 {"channels":["c"],"producers":[{"remote_address":"192.0.2.1:50000","hostname":"h1",)"
          R"("broadcast_address":"n1","tcp_port":4150,"http_port":4151,"version":"1.3.0"}]})");
    CHECK(server.db.find("u")->channels() == std::vector<std::string>{"d"});
    CHECK(client.send("UNREGISTER t c\n") == Answers{"OK"});
    CHECK(server.db.find("t")->producersByChannel().at(0).producers.empty());
    CHECK(server.db.find("t")->producers().size() == 1);
    CHECK(client.send("UNREGISTER t\nUNREGISTER nosuch\n") == Answers{"OK", "OK"});
    CHECK(server.db.find("t")->producers().empty());
    CHECK_FALSE(client.connection.closed());

    client.session.reset();
    CHECK(server.db.peers().empty());
    CHECK(server.db.find("u")->producers().empty());
}

TEST_CASE("A client is described as what it says it is") {
    Server server;
    Client client{server};
    sdk::ClientStats stats;
    client.session->describe(stats);
    CHECK(stats.protocol == "V1");
    CHECK(stats.clientId.empty());
    client.send(identifyCommand(kBody));
    client.session->describe(stats);
    CHECK(stats.clientId == "n1:4151");
    CHECK(stats.hostname == "h1");
    CHECK(stats.userAgent == "nsqd/1.3.0");
}

TEST_CASE("Commands may come in any pieces") {
    Server server;
    Client client{server};
    Answers answers;
    for (const char byte : identifyCommand(kBody) + "REGISTER t c\nPING\n") {
        for (const std::string& answer : client.send({&byte, 1})) answers.push_back(answer);
    }
    CHECK(answers == Answers{kServer, "OK", "OK"});
    CHECK(client.connection.pending() == 0);
}

TEST_CASE("PING needs no IDENTIFY; with it the server knows that the client lives") {
    Server server;
    Client client{server};
    CHECK(client.send("PING\n") == Answers{"OK"});
    client.send(identifyCommand(kBody));
    const PeerPtr peer = server.db.peers().at(0);
    CHECK(peer->lastSeen() == server.loop.now());
    server.loop.advance(std::chrono::seconds{15});
    CHECK(client.send("REGISTER t\n") == Answers{"OK"});
    CHECK(peer->lastSeen() == server.loop.now() - std::chrono::seconds{15});
    CHECK(client.send("PING\n") == Answers{"OK"});
    CHECK(peer->lastSeen() == server.loop.now());
}

TEST_CASE("Every error ends the connection") {
    checkRefused("REGISTER t\n", "E_INVALID client must IDENTIFY");
    checkRefused("UNREGISTER\n", "E_INVALID client must IDENTIFY");
    checkRefused("BOGUS a b\n", "E_INVALID invalid command BOGUS");
    checkRefused("\n", "E_INVALID invalid command ");
    checkRefused("ping\n", "E_INVALID invalid command ping");
    checkRefused(std::string(16384, 'x'), "E_INVALID command line too long");
    checkRefusedLater("IDENTIFY\n", "E_INVALID cannot IDENTIFY again");
    checkRefusedLater("REGISTER\n", "E_INVALID REGISTER insufficient number of params");
    checkRefusedLater("UNREGISTER \n", "E_INVALID UNREGISTER insufficient number of params");
    checkRefusedLater("REGISTER  c\n", "E_BAD_TOPIC REGISTER topic name '' is not valid");
    checkRefusedLater("REGISTER b$d c\n", "E_BAD_TOPIC REGISTER topic name 'b$d' is not valid");
    checkRefusedLater("UNREGISTER b$d\n", "E_BAD_TOPIC UNREGISTER topic name 'b$d' is not valid");
    checkRefusedLater("REGISTER t b$d\n", "E_BAD_CHANNEL REGISTER channel name 'b$d' is not valid");
    const std::string tooLong(65, 'x');
    checkRefusedLater("REGISTER " + tooLong + "\n",
                      "E_BAD_TOPIC REGISTER topic name '" + tooLong + "' is not valid");
}

TEST_CASE("IDENTIFY with a bad body is refused") {
    const auto sized = [](std::int32_t size) {
        std::byte bytes[4];
        sdk::storeBig(bytes, size);
        return "IDENTIFY\n" + std::string{sdk::asText(bytes)};
    };
    checkRefused(sized(std::numeric_limits<std::int32_t>::max()),
                 "E_BAD_BODY IDENTIFY body too big 2147483647 > 8192");
    checkRefused(sized(8193), "E_BAD_BODY IDENTIFY body too big 8193 > 8192");
    checkRefused(sized(-1), "E_BAD_BODY IDENTIFY invalid body size -1");
    checkRefused(sized(0), "E_BAD_BODY IDENTIFY failed to decode JSON body");
    checkRefused(identifyCommand("{"), "E_BAD_BODY IDENTIFY failed to decode JSON body");
    checkRefused(identifyCommand("{}"), "E_BAD_BODY IDENTIFY missing fields");
}

TEST_CASE("A client that hangs up within IDENTIFY hears what was missing") {
    for (const auto& [bytes, error] :
         {std::pair{"IDENTIFY\n\0\0", "E_BAD_BODY IDENTIFY failed to read body size"},
          {"IDENTIFY\n\0\0\0\7abc", "E_BAD_BODY IDENTIFY failed to read body"}}) {
        Server server;
        Client client{server};
        CHECK(client
                  .send({bytes,
                         error == std::string_view{"E_BAD_BODY IDENTIFY failed to read body"} ? 16U : 11U})
                  .empty());
        CHECK_FALSE(client.connection.endInput());
        client.connection.endTurn();
        CHECK(cut(client.connection.sent()) == Answers{error});
    }
}

TEST_CASE("A client that does not take its answers is not read, and hears them all in the end") {
    Server server;
    Client client{server};
    client.send(identifyCommand(kBody));
    client.connection.setRoom(60);
    client.connection.holdOutput(true);
    constexpr std::size_t kPings = 1000;
    std::string pings;
    for (std::size_t i = 0; i < kPings; ++i) pings += "PING\n";
    CHECK(client.send(pings).empty());
    CHECK(client.connection.pending() > 4900);
    CHECK(client.connection.endInput());
    client.connection.holdOutput(false);
    client.connection.endTurn();
    CHECK(cut(client.connection.sent()) == Answers(kPings, "OK"));
    CHECK(client.connection.closed());
}

TEST_CASE("With a certificate V1 has TLS for who asks") {
    Server server;
    server.host.limitValues.tls = true;
    Client client{server};
    std::string body{kBody};
    const std::string sent = [&] {
        client.connection.exchange(identifyCommand(body.insert(1, R"("tls_v1":true,)")));
        return client.connection.sent();
    }();
    const std::size_t mark = sent.find("<tls>");
    REQUIRE(mark != std::string::npos);
    CHECK(cut(sent.substr(0, mark)).at(0).find(R"("tls_v1":true)") != std::string::npos);
    CHECK(cut(sent.substr(mark + 5)) == Answers{"OK"});
    CHECK(client.send("REGISTER t\n") == Answers{"OK"});

    Client plain{server};
    CHECK(plain.send(identifyCommand(kBody)).at(0).find(R"("tls_v1":false)") != std::string::npos);
    CHECK(plain.send("REGISTER t\n") == Answers{"OK"});
}

TEST_CASE("What comes behind an IDENTIFY that asks for TLS is TLS's") {
    Server server;
    server.host.limitValues.tls = true;
    Client client{server};
    std::string body{kBody};
    client.connection.receive(identifyCommand(body.insert(1, R"("tls_v1":true,)")) + "REGISTER t\n");
    CHECK(client.connection.pending() == std::string_view{"REGISTER t\n"}.size());
    CHECK(server.db.topics().empty());
}

TEST_CASE("Without a certificate nobody gets TLS, whoever asks") {
    Server server;
    Client client{server};
    std::string body{kBody};
    CHECK(client.send(identifyCommand(body.insert(1, R"("tls_v1":true,)")) + "PING\n") ==
          Answers{kServer, "OK"});
    CHECK(client.connection.filters().empty());
}

TEST_CASE("A client hears why TLS failed") {
    Server server;
    Client client{server};
    client.session->onTlsFailed("no shared cipher");
    client.connection.endTurn();
    CHECK(cut(client.connection.sent()) == Answers{"E_IDENTIFY_FAILED IDENTIFY failed no shared cipher"});
    CHECK(client.connection.closed());
}

TEST_CASE("Where TLS is required nobody is served without") {
    Server server;
    server.host.limitValues.tls = server.host.limitValues.tlsRequired = true;
    Client silent{server};
    checkRefused(silent, "PING\n", "E_INVALID cannot PING in current state (TLS required)");
    Client plain{server};
    checkRefused(plain, identifyCommand(kBody), "E_INVALID cannot IDENTIFY in current state (TLS required)");
    CHECK(server.db.peers().empty());
}

}  // namespace nsq::lookupd::test
