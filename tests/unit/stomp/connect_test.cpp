// CONNECT: versions, heart-beats, TLS, AUTH; what comes before it and what ends a connection.

#include <catch2/catch.hpp>

#include "stomp_client.h"

namespace nsq::stomp {

namespace {

using sdk::Permission;
using sdk::testing::FakeAuthorization;
using std::chrono::milliseconds;
using std::chrono::seconds;

const std::string kSend = "SEND\ndestination:/topic/t\n\nhello";
const std::string kVersion12 = "accept-version:1.2\n";

sdk::testing::FakeHost& guard(sdk::testing::FakeHost& host) {
    host.fakeAuthorizer.require(true);
    return host;
}

/// A server that requires a passcode, and a client of it.
struct Guarded {
    /// CONNECT, granted like this.
    void pass(const FakeAuthorization& authorization = {}) {
        CHECK(client.send("CONNECT\naccept-version:1.2\nlogin:me\npasscode:s3cret\n\n").empty());
        authorizer.grant(authorization);
        REQUIRE(client.idle() == Lines{"CONNECTED 1.2 0,0"});
    }

    FakeAuthorization lasting(seconds time) const {
        FakeAuthorization authorization;
        authorization.expiresAt = client.loop.now() + time;
        return authorization;
    }

    sdk::testing::FakeHost host;
    Client client{guard(host)};
    sdk::testing::FakeAuthorizer& authorizer = host.fakeAuthorizer;
};

}  // namespace

TEST_CASE("The highest common version is agreed on") {
    const auto& [headers, version] =
        GENERATE(table<std::string, std::string>({{"", "1.0"},
                                                  {"accept-version:1.0\n", "1.0"},
                                                  {"accept-version:1.1\n", "1.1"},
                                                  {"accept-version:1.0,1.1,1.2\n", "1.2"},
                                                  {"accept-version:1.2,1.1\n", "1.2"},
                                                  {"accept-version:1.1,2.0\n", "1.1"}}));
    CAPTURE(headers);
    const std::string command = GENERATE("CONNECT", "STOMP");
    sdk::testing::FakeHost host;
    Client client{host};
    CHECK(client.send(command + '\n' + headers + '\n') == Lines{"CONNECTED " + version + " 0,0"});
    CHECK_FALSE(client.connection.closed());
}

TEST_CASE("Without a common version those there are are told") {
    const std::string versions = GENERATE("2.0", "", "11.2,1.20");
    sdk::testing::FakeHost host;
    Client client{host};
    CHECK(client.send("CONNECT\naccept-version:" + versions + "\n\n") ==
          Lines{"!supported protocol versions are 1.0, 1.1 and 1.2"});
    CHECK(headerOf(client.frames()[0], "version") == "1.0,1.1,1.2");
    CHECK(headerOf(client.frames()[0], "content-type") == "text/plain");
    CHECK(client.frames()[0].ends_with("\n\nsupported protocol versions are 1.0, 1.1 and 1.2"));
    CHECK(client.connection.closed());
}

TEST_CASE("CONNECTED names the server and the session") {
    sdk::testing::FakeHost host;
    host.infoValues.program = "nsqd";
    host.infoValues.productVersion = "1.2.3";
    Client client{host};
    client.connect();
    CHECK(headerOf(client.frames()[0], "server") == "nsqd/1.2.3");
    CHECK(headerOf(client.frames()[0], "session") == "192.0.2.1:50000");
}

TEST_CASE("Heart-beats are agreed on within the limits") {
    const auto& [wanted, agreed] =
        GENERATE(table<std::string, std::string>({{"0,0", "0,0"},
                                                  {"5000,0", "0,5000"},
                                                  {"0,7000", "7000,0"},
                                                  {"1,1", "1000,1000"},
                                                  {"60000,600000", "60000,60000"},
                                                  {"60001,2000", "2000,0"},  // no promise that counts
                                                  {"18446744073709551615,0", "0,0"}}));
    CAPTURE(wanted);
    sdk::testing::FakeHost host;
    Client client{host};
    CHECK(client.send("CONNECT\naccept-version:1.1\nheart-beat:" + wanted + "\n\n") ==
          Lines{"CONNECTED 1.1 " + agreed});
}

TEST_CASE("A heart-beat that is malformed is refused") {
    const std::string wanted =
        GENERATE("", ",", "1", "1,", ",1", "-1,0", "0,x", "0, 1", "99999999999999999999,0");
    CAPTURE(wanted);
    sdk::testing::FakeHost host;
    Client client{host};
    CHECK(client.send("CONNECT\nheart-beat:" + wanted + "\n\n") == Lines{"!heart-beat is malformed"});
    CHECK(client.connection.closed());
}

TEST_CASE("The server sends its heart-beats") {
    sdk::testing::FakeHost host;
    Client client{host};
    client.connect("accept-version:1.2\nheart-beat:0,2000\n");
    for (int i = 0; i < 3; ++i) {
        client.passTime(milliseconds{1999});
        CHECK(client.idle().empty());
        client.passTime(milliseconds{1});
        CHECK(client.idle() == Lines{"~"});
    }
}

TEST_CASE("A client that promised heart-beats is closed after twice their time") {
    sdk::testing::FakeHost host;
    Client client{host};
    client.connect("accept-version:1.2\nheart-beat:2000,0\n");
    for (int i = 0; i < 5; ++i) {
        client.passTime(milliseconds{3999});
        CHECK(client.sendRaw(i % 2 == 0 ? "\n" : "\r\n").empty());
    }
    client.passTime(milliseconds{4000});
    CHECK(client.idle() == Lines{"!nothing was read for two heart-beats"});
    CHECK(client.connection.closed());
}

TEST_CASE("A client whose bytes the server does not read is not taken for silent") {
    sdk::testing::FakeHost host;
    Client client{host};
    client.connect("accept-version:1.2\nheart-beat:2000,0\n");
    host.fakeBroker.holdOutcomes(true);
    // It waits for the outcome, and meanwhile nobody reads.
    CHECK(client.sendRaw(frame(kSend) + frame("UNSUBSCRIBE\nid:1\n\n")).empty());
    client.passTime(seconds{60});
    CHECK(client.idle().empty());
    client.passTime(milliseconds{3999});
    CHECK(client.idle().empty());
    REQUIRE_FALSE(client.connection.closed());
    host.fakeBroker.releaseOutcomes();
    CHECK(client.idle() == Lines{"!there is no such subscription"});
    Client later{host};
    later.connect("accept-version:1.2\nheart-beat:2000,0\n");
    later.connection.setRoom(10);
    later.connection.holdOutput(true);
    later.connection.output().write(sdk::asBytes("\n\n\n\n\n\n\n\n\n\n"));
    later.connection.receive(frame("BEGIN\ntransaction:1\n\n"));  // waits for room
    later.passTime(milliseconds{3999});
    later.connection.endTurn();
    later.connection.holdOutput(false);
    later.idle();
    later.passTime(milliseconds{3999});  // it is read since
    CHECK(later.idle().empty());
    CHECK_FALSE(later.connection.closed());
    later.passTime(milliseconds{1});
    CHECK(later.idle() == Lines{"!nothing was read for two heart-beats"});
}

TEST_CASE("A client that promised none may be silent, once it is connected") {
    sdk::testing::FakeHost host;
    Client connected{host};
    connected.connect();
    Client silent{host};
    silent.connection.receive("CONN");
    for (Client* client : {&connected, &silent}) {
        client->passTime(std::chrono::hours{1});
        client->idle();
    }
    CHECK_FALSE(connected.connection.closed());
    CHECK(silent.connection.closed());
}

TEST_CASE("A client that takes nothing of a full output is given up, one that takes some is not") {
    sdk::testing::FakeHost host;
    Client client{host};
    client.connect();
    client.connection.holdOutput(true);
    client.connection.setRoom(10);
    for (int i = 0; i < 10; ++i) {  // more each time, as if it had taken some
        client.connection.output().write(sdk::asBytes("0123456789"));
        client.passTime(seconds{30});
        client.connection.endTurn();
        REQUIRE_FALSE(client.connection.closed());
    }
    client.passTime(seconds{30});
    client.connection.endTurn();
    CHECK(client.connection.closed());
}

TEST_CASE("Nothing comes before CONNECT, and it comes once") {
    const std::string command = GENERATE("SEND", "CONNX", "DISCONNECT");
    sdk::testing::FakeHost host;
    Client client{host};
    CHECK(client.send(command + "\n\n") == Lines{"!another frame before CONNECT"});
    CHECK(client.connection.closed());
    Client twice{host};
    CHECK(twice.connect().send("STOMP\n\n") == Lines{"!STOMP again"});
    CHECK(twice.connection.closed());
}

TEST_CASE("A server that requires TLS refuses CONNECT") {
    sdk::testing::FakeHost host;
    host.limitValues.tlsRequired = true;
    Client client{host};
    CHECK(client.send("CONNECT\naccept-version:1.2\n\n") ==
          Lines{"!this server requires TLS, which STOMP clients cannot have here"});
    CHECK(client.connection.closed());
}

TEST_CASE("An ERROR carries the frame's receipt, and a log line") {
    sdk::testing::FakeHost host;
    Client client{host};
    client.connect();
    CHECK(client.send("FOO\nreceipt:a\\cb\n\n") == Lines{"!unknown command (a\\cb)"});
    CHECK(client.connection.closed());
    CHECK(host.logged().find("[192.0.2.1:50000] - STOMP: unknown command") != std::string::npos);
}

TEST_CASE("A frame that is none is an ERROR with the receipt it has") {
    sdk::testing::FakeHost host;
    Client client{host};
    client.connect();
    CHECK(client.sendRaw("SEND\nreceipt:r\nkey\n\n") == Lines{"!header line 2 is not NAME\\cVALUE (r)"});
    CHECK(client.connection.closed());
}

TEST_CASE("Neither the client nor the log is told pieces of bodies or secrets") {
    const std::string input =
        GENERATE("s3cret s3cret\n\n", "SEND\ns3cret\n\n", "SEND\nk:s3cret\\t\n\n", "s3cret\n\nx");
    CAPTURE(input);
    sdk::testing::FakeHost host;
    Client client{host};
    client.connect();
    const Lines answers = client.send(input);
    REQUIRE(answers.size() == 1);
    CHECK(answers[0].starts_with('!'));
    CHECK(client.frames()[0].find("s3cret") == std::string::npos);
    Client first{host};
    CHECK(first.send("CONNECT\npasscode s3cret\n\n") == Lines{"!header line 1 is not NAME:VALUE"});
    CHECK(host.logged().find("s3cret") == std::string::npos);
}

TEST_CASE("A receipt may have 1024 bytes") {
    sdk::testing::FakeHost host;
    Client client{host};
    client.connect();
    const std::string longest(1024, 'r');
    CHECK(client.send("BEGIN\ntransaction:1\nreceipt:" + longest + "\n\n") == Lines{"receipt " + longest});
    CHECK(client.send("ABORT\ntransaction:1\nreceipt:" + longest + "r\n\n") ==
          Lines{"!the receipt exceeds 1024 bytes"});
}

TEST_CASE("Only SEND has a body") {
    sdk::testing::FakeHost host;
    Client client{host};
    CHECK(client.connect().send("BEGIN\ntransaction:1\n\nx") == Lines{"!a body without SEND"});
}

TEST_CASE("DISCONNECT is confirmed, and the end") {
    sdk::testing::FakeHost host;
    Client client{host};
    client.connect();
    CHECK(client.sendRaw(frame("DISCONNECT\nreceipt:7\n\n") + frame(kSend)) == Lines{"receipt 7"});
    CHECK(client.connection.closed());
    CHECK(host.fakeBroker.published("t").empty());
    CHECK(client.connection.pending() == 0);
}

TEST_CASE("The end of the input is the end, behind the answers") {
    sdk::testing::FakeHost host;
    Client client{host};
    client.connect();
    CHECK_FALSE(client.connection.endInput());
    Client sender{host};
    sender.connect();
    host.fakeBroker.holdOutcomes(true);
    sender.send("SEND\ndestination:/topic/t\nreceipt:1\n\nx");
    CHECK(sender.connection.endInput());
    host.fakeBroker.releaseOutcomes();
    CHECK(sender.idle() == Lines{"receipt 1"});
    CHECK(sender.connection.closed());
}

TEST_CASE("Statistics show the client") {
    sdk::testing::FakeHost host;
    Client client{host};
    CHECK(client.stats().state == sdk::ClientState::kInit);
    client.connect("login:me\npasscode:x\n");
    client.send(kSend);
    const sdk::ClientStats stats = client.stats();
    CHECK(stats.protocol == "STOMP");
    CHECK(stats.clientId == "me");
    CHECK(stats.hostname == "192.0.2.1");
    CHECK(stats.state == sdk::ClientState::kConnected);
    REQUIRE(stats.pubCounts.size() == 1);
    CHECK(stats.pubCounts[0].topic == "t");
    CHECK(stats.pubCounts[0].count == 1);
    CHECK_FALSE(stats.authed);
}

TEST_CASE("A login is shown in ASCII") {
    sdk::testing::FakeHost host;
    Client client{host};
    client.connect("login:a\xff\x01\n");
    CHECK(client.stats().clientId == "a??");
}

TEST_CASE("Without auth servers login and passcode are not looked at") {
    sdk::testing::FakeHost host;
    Client client{host};
    client.connect("login:guest\npasscode:guest\n");
    CHECK(host.fakeAuthorizer.asked().empty());
    CHECK(client.send(kSend).empty());
}

TEST_CASE("The passcode is asked for, and what is known of the client") {
    Guarded server;
    server.client.connection.setRemoteHost("192.0.2.7");
    server.pass();
    REQUIRE(server.authorizer.asked().size() == 1);
    CHECK(server.authorizer.asked()[0].secret == "s3cret");
    CHECK(server.authorizer.asked()[0].remoteHost == "192.0.2.7");
    CHECK_FALSE(server.authorizer.asked()[0].tls);
    CHECK(server.host.logged().find("s3cret") == std::string::npos);
    CHECK(server.client.send(kSend).empty());
    CHECK(server.host.fakeBroker.published("t") == Lines{"hello"});
    CHECK(server.client.stats().authed);
    CHECK(server.client.stats().authIdentity == "somebody");
}

TEST_CASE("A client without a passcode, with a bad one or with one for nothing is refused") {
    Guarded without;
    CHECK(without.client.send("CONNECT\nlogin:me\n\n") == Lines{"!this server requires a passcode"});
    CHECK(without.client.connection.closed());
    Guarded bad;
    CHECK(bad.client.send("CONNECT\npasscode:x\n\n").empty());
    bad.authorizer.fail("the auth server is gone");
    CHECK(bad.client.idle() == Lines{"!authentication failed"});
    CHECK(bad.client.connection.closed());
    CHECK(bad.host.logged().find("the auth server is gone") != std::string::npos);
    Guarded nothing;
    CHECK(nothing.client.send("CONNECT\npasscode:x\n\n").empty());
    FakeAuthorization authorization;
    authorization.permissions = 0;
    nothing.authorizer.grant(authorization);
    CHECK(nothing.client.idle() == Lines{"!authentication failed"});
}

TEST_CASE("Frames wait for the authorizer") {
    Guarded server;
    CHECK(server.client.sendRaw(frame("CONNECT\naccept-version:1.2\npasscode:x\n\n") + frame(kSend)).empty());
    CHECK(server.client.send("SEND\ndestination:/topic/t\nreceipt:2\n\nworld").empty());
    CHECK(server.host.fakeBroker.published("t").empty());
    server.client.passTime(std::chrono::hours{1});  // nothing is expected of it meanwhile
    CHECK(server.client.idle().empty());
    server.authorizer.grant({});
    CHECK(server.client.idle() == Lines{"CONNECTED 1.2 0,0", "receipt 2"});
    CHECK(server.host.fakeBroker.published("t") == Lines{"hello", "world"});
}

TEST_CASE("A client is not silent while the authorizer is asked") {
    Guarded server;
    CHECK(server.client.send("CONNECT\naccept-version:1.2\npasscode:x\nheart-beat:1000,0\n\n").empty());
    server.client.passTime(seconds{10});
    server.authorizer.grant({});
    CHECK(server.client.idle() == Lines{"CONNECTED 1.2 0,1000"});
    server.client.passTime(milliseconds{1999});
    CHECK(server.client.idle().empty());
    server.client.passTime(milliseconds{1});
    CHECK(server.client.idle() == Lines{"!nothing was read for two heart-beats"});
}

TEST_CASE("Permissions are asked for by topic and channel") {
    const auto& [input, publishes, channel] = GENERATE(table<std::string, bool, std::string>(
        {{kSend, true, ""},
         {"SEND\ndestination:/topic/t\ntransaction:1\n\nx", true, ""},
         {"SUBSCRIBE\ndestination:/queue/t/c\nid:1\n\n", false, "c"},
         {"SUBSCRIBE\ndestination:/topic/t\nid:1\n\n", false, "stomp-*#ephemeral"}}));
    CAPTURE(input);
    for (const bool allowed : {true, false}) {
        Guarded server;
        std::string asked;
        FakeAuthorization authorization;
        authorization.rule = [&](Permission permission, std::string_view topic, std::string_view name) {
            CHECK((permission == Permission::kPublish) == publishes);
            CHECK(topic == "t");
            asked = name;
            return allowed;
        };
        server.pass(authorization);
        server.client.send("BEGIN\ntransaction:1\n\n");
        const Lines answers = server.client.send(input);
        CHECK(asked.substr(0, 6) == channel.substr(0, 6));
        CHECK(asked.ends_with("#ephemeral") == channel.ends_with("#ephemeral"));
        CHECK(server.client.connection.closed() == !allowed);
        if (allowed) {
            CHECK(answers.empty());
        } else {
            CHECK(answers == Lines{"!not authorized for topic \"t\", channel \"" + asked + '"'});
        }
    }
}

TEST_CASE("An authorization that has expired is asked for anew before the next frame that needs it") {
    Guarded server;
    server.pass(server.lasting(seconds{60}));
    server.client.passTime(seconds{60});
    CHECK(server.client.send("BEGIN\ntransaction:1\n\n").empty());
    CHECK(server.authorizer.open() == 0);
    const std::string input = "SEND\ndestination:/topic/t\nreceipt:1\n\nx";
    CHECK(server.client.sendRaw(frame(input) + frame(kSend)).empty());
    REQUIRE(server.authorizer.asked().size() == 2);
    CHECK(server.authorizer.asked()[1].secret == "s3cret");
    // However short it lasts, it is good for the frame it was asked for.
    server.authorizer.grant(server.lasting(seconds{0}));
    CHECK(server.client.idle() == Lines{"receipt 1"});
    CHECK(server.host.fakeBroker.published("t") == Lines{"x"});
    CHECK(server.authorizer.open() == 1);
    server.authorizer.fail("gone");
    CHECK(server.client.idle() == Lines{"!authentication failed"});
    CHECK(server.client.connection.closed());
}

TEST_CASE("A transaction is asked for anew when it is committed") {
    Guarded server;
    server.pass(server.lasting(seconds{60}));
    server.client.sendRaw(frame("BEGIN\ntransaction:1\n\n") +
                          frame("SEND\ndestination:/topic/t\ntransaction:1\n\nx") +
                          frame("SEND\ndestination:/topic/u\ntransaction:1\n\ny"));
    server.client.passTime(seconds{60});
    CHECK(server.client.send("COMMIT\ntransaction:1\nreceipt:2\n\n").empty());
    CHECK(server.host.fakeBroker.published("t").empty());
    FakeAuthorization authorization = server.lasting(seconds{0});
    const bool allowed = GENERATE(true, false);
    authorization.rule = [=](Permission, std::string_view topic, std::string_view) {
        return allowed || topic == "t";
    };
    server.authorizer.grant(authorization);
    if (allowed) {
        CHECK(server.client.idle() == Lines{"receipt 2"});
        CHECK(server.host.fakeBroker.published("u") == Lines{"y"});
    } else {
        CHECK(server.client.idle() == Lines{"!not authorized for topic \"u\", channel \"\" (2)"});
    }
    CHECK(server.host.fakeBroker.published("t").empty() == !allowed);
}

TEST_CASE("An authorization that is not given anew is an ERROR with the receipt of the frame that waited") {
    Guarded server;
    server.pass(server.lasting(seconds{0}));
    CHECK(server.client.send("SEND\ndestination:/topic/t\nreceipt:7\n\nx").empty());
    server.authorizer.fail("gone");
    CHECK(server.client.idle() == Lines{"!authentication failed (7)"});
    CHECK(server.host.fakeBroker.published("t").empty());
}

}  // namespace nsq::stomp
