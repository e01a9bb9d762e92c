// AUTH, and what other commands need of it, with an authorizer that answers when the test says so.

#include <catch2/catch.hpp>

#include "v2_client.h"

namespace nsq::v2 {

namespace {

using sdk::Permission;
using sdk::testing::FakeAuthorization;
using std::chrono::seconds;

const std::string kAuth = "AUTH\n" + sized("s3cret");
const std::string kPub = "PUB t\n" + sized("a");
const std::string kGranted =
    R"({"identity":"somebody","identity_url":"http://id.example/somebody","permission_count":1})";
const std::string kFailed = "!E_AUTH_FAILED AUTH failed";

sdk::testing::FakeHost& guard(sdk::testing::FakeHost& host) {
    host.fakeAuthorizer.require(true);
    return host;
}

/// A server that requires AUTH, and a client of it.
struct Guarded {
    /// AUTH, granted like this.
    void pass(const FakeAuthorization& authorization = {}) {
        CHECK(client.send(kAuth).empty());
        authorizer.grant(authorization);
        REQUIRE(client.idle() == Lines{kGranted});
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

TEST_CASE("A server without auth servers has no AUTH") {
    sdk::testing::FakeHost host;
    Client client{host};
    CHECK(client.send(identifyCommand(R"({"feature_negotiation":true})"))[0].find(
              "\"auth_required\":false") != std::string::npos);
    CHECK(client.send(kPub) == Lines{"OK"});
    CHECK(client.send(kAuth) == Lines{"!E_AUTH_DISABLED AUTH disabled"});
    CHECK(client.connection.closed());
    CHECK(host.fakeAuthorizer.asked().empty());
}

TEST_CASE("IDENTIFY tells that AUTH is required, and needs none") {
    Guarded server;
    CHECK(server.client.send(identifyCommand(R"({"feature_negotiation":true})"))[0].find(
              "\"auth_required\":true") != std::string::npos);
}

TEST_CASE("AUTH asks with what is known of the client, and answers with its identity") {
    Guarded server;
    server.client.connection.setRemoteHost("192.0.2.7");
    server.pass();
    REQUIRE(server.authorizer.asked().size() == 1);
    const sdk::Credentials& asked = server.authorizer.asked()[0];
    CHECK(asked.secret == "s3cret");
    CHECK(asked.remoteHost == "192.0.2.7");
    CHECK_FALSE(asked.tls);
    CHECK(asked.commonName.empty());
    CHECK(server.client.send(kPub) == Lines{"OK"});
    CHECK(server.host.logged().find("s3cret") == std::string::npos);
}

TEST_CASE("A command that needs an authorization is refused before AUTH") {
    const auto& [command, name] = GENERATE(table<std::string, std::string>(
        {{kPub, "PUB"}, {"MPUB t\n", "MPUB"}, {"DPUB t 10\n" + sized("a"), "DPUB"}, {"SUB t c\n", "SUB"}}));
    Guarded server;
    CHECK(server.client.send(command) == Lines{"!E_AUTH_FIRST AUTH required before " + name});
    CHECK(server.client.connection.closed());
    CHECK(server.host.fakeBroker.topic("t") == nullptr);
}

TEST_CASE("What is wrong with a command itself is told before, as in nsqd") {
    const auto& [command, answer] = GENERATE(table<std::string, std::string>({
        {"PUB t\n" + int32(0), "!E_BAD_MESSAGE PUB invalid message body size 0"},
        {"PUB $\n", "!E_BAD_TOPIC PUB topic name \"$\" is not valid"},
        {"DPUB t x\n", "!E_INVALID DPUB could not parse timeout x"},
        {"MPUB t\n" + int32(0), "!E_AUTH_FIRST AUTH required before MPUB"},
        {"SUB t $\n", "!E_BAD_CHANNEL SUB channel name \"$\" is not valid"},
        {"RDY 1\n", "!E_INVALID cannot RDY in current state"},
    }));
    Guarded server;
    CHECK(server.client.send(command) == Lines{answer});
}

TEST_CASE("A wrong AUTH is refused") {
    const auto& [command, answer] = GENERATE(table<std::string, std::string>({
        {"AUTH x\n" + sized("a"), "!E_INVALID AUTH invalid number of parameters"},
        {"AUTH \n" + sized("a"), "!E_INVALID AUTH invalid number of parameters"},
        {"AUTH\n" + int32(0), "!E_BAD_BODY AUTH invalid body size 0"},
        {"AUTH\n" + int32(-1), "!E_BAD_BODY AUTH invalid body size -1"},
        {"AUTH\n" + int32(5242881), "!E_BAD_BODY AUTH body too big 5242881 > 5242880"},
    }));
    Guarded server;
    CHECK(server.client.send(command) == Lines{answer});
    CHECK(server.client.connection.closed());
    CHECK(server.authorizer.asked().empty());
}

TEST_CASE("AUTH comes once, and before SUB") {
    Guarded server;
    server.pass();
    SECTION("once") {
        CHECK(server.client.send(kAuth) == Lines{"!E_INVALID AUTH already set"});
    }
    SECTION("before SUB") {
        CHECK(server.client.send("SUB t c\n" + kAuth) ==
              Lines{"OK", "!E_INVALID cannot AUTH in current state"});
    }
    CHECK(server.client.connection.closed());
    CHECK(server.authorizer.asked().size() == 1);
}

TEST_CASE("AUTH fails when the authorizer has no answer: the log tells why, the client is not told") {
    Guarded server;
    server.client.send(kAuth + kPub);
    server.authorizer.fail("the server is on fire");
    CHECK(server.client.idle() == Lines{kFailed});
    CHECK(server.client.connection.closed());
    CHECK(server.host.fakeBroker.topic("t") == nullptr);
    CHECK(server.host.logged().find("the server is on fire") != std::string::npos);
}

TEST_CASE("An answer without any permission is refused") {
    Guarded server;
    FakeAuthorization nothing;
    nothing.permissions = 0;
    server.client.send(kAuth);
    server.authorizer.grant(nothing);
    CHECK(server.client.idle() == Lines{"!E_UNAUTHORIZED AUTH no authorizations found"});
    CHECK(server.client.connection.closed());
}

TEST_CASE("A command that is not allowed is refused") {
    const auto& [command, text] = GENERATE(table<std::string, std::string>({
        {kPub, R"(PUB on "t" "")"},
        {"MPUB t\n", R"(MPUB on "t" "")"},
        {"DPUB t 10\n" + sized("a"), R"(DPUB on "t" "")"},
        {"SUB t c\n", R"(SUB on "t" "c")"},
    }));
    Guarded server;
    FakeAuthorization authorization;
    std::vector<std::string> asked;
    authorization.rule = [&](Permission permission, std::string_view topic, std::string_view channel) {
        asked.push_back((permission == Permission::kPublish ? "publish " : "subscribe ") +
                        std::string{topic} + ' ' + std::string{channel});
        return false;
    };
    server.pass(authorization);
    CHECK(server.client.send(command) == Lines{"!E_UNAUTHORIZED AUTH failed for " + text});
    CHECK(server.client.connection.closed());
    CHECK(asked == Lines{command.starts_with("SUB") ? "subscribe t c" : "publish t "});
    CHECK(server.host.fakeBroker.topic("t") == nullptr);
}

TEST_CASE("Commands wait for AUTH, in order, and come in any pieces") {
    const std::string input = kAuth + kPub + "SUB t c\n" + kPub;
    for (std::size_t cut = 1; cut < input.size(); ++cut) {
        CAPTURE(cut);
        Guarded server;
        CHECK(server.client.send(input.substr(0, cut)).empty());
        CHECK(server.client.send(input.substr(cut)).empty());
        REQUIRE(server.authorizer.asked().size() == 1);
        CHECK(server.host.fakeBroker.published("t").empty());
        server.authorizer.grant({});
        CHECK(server.client.idle() == Lines{kGranted, "OK", "OK", "OK"});
        CHECK(server.host.fakeBroker.published("t").size() == 2);
    }
}

TEST_CASE("AUTH waits for the answers of what came before it") {
    Guarded server;
    server.pass(server.lasting(seconds{10}));
    server.host.fakeBroker.holdOutcomes(true);
    server.client.send(kPub);
    server.client.passTime(seconds{10});
    CHECK(server.client.send(kPub).empty());
    CHECK(server.authorizer.open() == 1);
    server.authorizer.fail("no");
    CHECK(server.client.idle().empty());
    CHECK_FALSE(server.client.connection.closed());
    server.host.fakeBroker.releaseOutcomes();
    CHECK(server.client.idle() == Lines{"OK", kFailed});
    CHECK(server.client.connection.closed());
}

TEST_CASE("After its time an authorization is asked for anew at the next command that needs it") {
    Guarded server;
    server.pass(server.lasting(seconds{10}));
    server.client.passTime(seconds{9});
    CHECK(server.client.send(kPub) == Lines{"OK"});
    server.client.passTime(seconds{1});
    CHECK(server.client.send("NOP\n" + kPub + kPub).empty());
    CHECK(server.client.send(kPub).empty());
    REQUIRE(server.authorizer.asked().size() == 2);
    CHECK(server.authorizer.asked()[1].secret == "s3cret");
    SECTION("and may be as before") {
        server.authorizer.grant(server.lasting(seconds{10}));
        CHECK(server.client.idle() == Lines{"OK", "OK", "OK"});
    }
    SECTION("and may be shorter than the time to the next turn: it does for one command") {
        server.authorizer.grant(server.lasting(seconds{0}));
        CHECK(server.client.idle() == Lines{"OK"});
        CHECK(server.authorizer.open() == 1);
    }
    SECTION("and may allow it no more") {
        FakeAuthorization nothing;
        nothing.permissions = 0;
        nothing.rule = [](Permission, std::string_view, std::string_view) { return false; };
        server.authorizer.grant(nothing);
        CHECK(server.client.idle() == Lines{R"(!E_UNAUTHORIZED AUTH failed for PUB on "t" "")"});
        CHECK(server.client.connection.closed());
    }
    SECTION("and may not be had") {
        server.authorizer.fail("gone");
        CHECK(server.client.idle() == Lines{kFailed});
        CHECK(server.client.connection.closed());
    }
}

TEST_CASE("A consumer goes on when its authorization has ended") {
    Guarded server;
    server.pass(server.lasting(seconds{10}));
    server.client.send("SUB t c\nRDY 5\n");
    server.client.passTime(seconds{11});
    REQUIRE(server.host.fakeBroker.publish({"t", {}, {}}));
    CHECK(server.client.send("RDY 2\nCLS\n") == Lines{"CLOSE_WAIT"});
    CHECK(server.authorizer.asked().size() == 1);
}

TEST_CASE("Heartbeats go on while the authorizer is asked") {
    Guarded server;
    server.client.send(kAuth);
    server.client.passTime(seconds{30});
    CHECK(server.client.idle() == Lines{"_heartbeat_"});
    CHECK(server.client.send("NOP\n").empty());
    server.client.passTime(seconds{30});
    CHECK(server.client.idle() == Lines{"_heartbeat_"});
    server.authorizer.grant({});
    CHECK(server.client.idle() == Lines{kGranted});
}

TEST_CASE("A full output and an open request: the input waits for both") {
    Guarded server;
    server.client.connection.holdOutput(true);
    server.client.connection.setRoom(0);
    server.client.send(kAuth + kPub);
    server.client.connection.setRoom(1024);
    server.client.session->onOutputDrained();
    CHECK(server.client.idle().empty());
    CHECK(server.authorizer.asked().size() == 1);
    server.client.connection.setRoom(0);
    server.authorizer.grant({});
    server.client.idle();
    CHECK(server.host.fakeBroker.published("t").empty());
    server.client.connection.setRoom(1024);
    server.client.session->onOutputDrained();
    server.client.connection.holdOutput(false);
    CHECK(server.client.idle() == Lines{kGranted, "OK"});
}

TEST_CASE("A client that only closes its side gets its answers") {
    Guarded server;
    SECTION("AUTH alone") {
        server.client.send(kAuth);
        CHECK(server.client.connection.endInput());
        server.authorizer.grant({});
        CHECK(server.client.idle() == Lines{kGranted});
    }
    SECTION("with commands behind it") {
        server.client.send(kAuth + kPub + kPub);
        CHECK(server.client.connection.endInput());
        server.authorizer.grant({});
        CHECK(server.client.idle() == Lines{kGranted, "OK", "OK"});
    }
    CHECK(server.client.connection.closed());
}

TEST_CASE("A session that ends takes its request back") {
    Guarded server;
    server.client.send(kAuth);
    CHECK(server.authorizer.open() == 1);
    server.client.session.reset();
    CHECK(server.authorizer.open() == 0);
}

TEST_CASE("An answer that comes when the session has ended changes nothing") {
    Guarded server;
    server.pass(server.lasting(seconds{10}));
    server.client.send("SUB t c\n");
    server.host.fakeBroker.holdOutcomes(true);
    server.client.send(kPub);
    server.client.passTime(seconds{10});
    server.client.send(kPub);
    REQUIRE(server.host.fakeBroker.deleteChannel("t", "c"));
    server.client.idle();
    REQUIRE(server.authorizer.open() == 1);
    server.authorizer.fail("too late");
    server.host.fakeBroker.releaseOutcomes();
    CHECK(server.client.idle() == Lines{"OK"});
    CHECK(server.client.connection.closed());
}

TEST_CASE("The client's stats tell its identity") {
    Guarded server;
    CHECK_FALSE(server.client.stats().authed);
    server.client.send(kAuth);
    CHECK_FALSE(server.client.stats().authed);
    server.authorizer.grant({});
    CHECK(server.client.stats().authed);
    CHECK(server.client.stats().authIdentity == "somebody");
    CHECK(server.client.stats().authIdentityUrl == "http://id.example/somebody");
}

}  // namespace nsq::v2
