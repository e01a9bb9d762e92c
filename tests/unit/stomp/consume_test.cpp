// SUBSCRIBE, deliveries, ACK and NACK.

#include <catch2/catch.hpp>

#include "stomp_client.h"

namespace nsq::stomp {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// The fake broker's ids, by number of the message, and which delivery of it it is.
std::string id(int number, int attempts = 1) {
    return "0a1b2c3d0000000" + std::to_string(number) + '-' + std::to_string(attempts);
}

std::string subscribe(std::string_view headers = {}) {
    return "SUBSCRIBE\nid:s\ndestination:/queue/t/c\n" + std::string{headers} + '\n';
}

/// An ACK or NACK of a message of the first subscription.
std::string answer(std::string_view command, int number, std::string_view headers = {}) {
    return std::string{command} + "\nid:1-" + id(number) + '\n' + std::string{headers} + '\n';
}

/// A server and a client that is connected.
struct Connected {
    explicit Connected(std::string_view headers = "accept-version:1.2\n") { client.connect(headers); }

    sdk::testing::FakeChannel& channel(std::string_view name = "c") {
        return *host.fakeBroker.channel("t", name);
    }

    sdk::testing::FakeHost host;
    Client client{host};
};

}  // namespace

TEST_CASE("A message has the headers of its version, escaped as that wants it") {
    const auto& [version, ack, id, hasAck] = GENERATE(
        table<std::string, std::string, std::string, bool>({{"1.0", "client", "a\\b:\r.", false},
                                                            {"1.1", "client", "a\\\\b\\c\\n", false},
                                                            {"1.2", "client", "a\\\\b\\c\\n\\r", true},
                                                            {"1.2", "client-individual", "a", true},
                                                            {"1.2", "auto", "a", false}}));
    CAPTURE(version, ack);
    Connected server{"accept-version:" + version + '\n'};
    server.client.send("SUBSCRIBE\nid:" + id + "\ndestination:/queue/t/c\nack:" + ack + "\n\n");
    publish(server.host, "t", {"hello"});
    server.client.idle();
    REQUIRE(server.client.frames().size() == 1);
    CHECK(server.client.frames()[0] ==
          "MESSAGE\nsubscription:" + id + "\ndestination:/topic/t\nmessage-id:1-0a1b2c3d00000001-1" +
              (hasAck ? "\nack:1-0a1b2c3d00000001-1" : "") +
              "\ntimestamp:728224405255094273\nattempts:1\ncontent-length:5\n\nhello");
}

TEST_CASE("Bodies come as they are") {
    Connected server;
    server.client.send(subscribe());
    const std::string binary{"\0\n\n\0", 4};
    const std::string large(5000, 'x');
    publish(server.host, "t", {binary, large});
    CHECK(server.client.idle() == Lines{"#s 1 " + binary, "#s 1 " + large});
}

TEST_CASE("In mode auto a message is finished when it is delivered") {
    const std::string headers = GENERATE("", "ack:auto\n", "ack:auto\nprefetch-count:1\n");
    Connected server;
    publish(server.host, "t", {"1", "2", "3"});
    CHECK(server.client.send(subscribe(headers)) == Lines{"#s 1 1", "#s 1 2", "#s 1 3"});
    CHECK(server.channel().inFlight.empty());
    CHECK(server.channel().counters.finishCount == 3);
    CHECK(server.client.stats().messageCount == 3);
    CHECK(server.client.stats().finishCount == 3);
}

TEST_CASE("In mode client an ACK is for all messages before as well") {
    Connected server;
    publish(server.host, "t", {"1", "2", "3", "4"});
    CHECK(server.client.send(subscribe("ack:client\n")).size() == 4);
    CHECK(server.client.send(answer("ACK", 3)).empty());
    REQUIRE(server.channel().inFlight.size() == 1);
    CHECK(server.channel().inFlight.begin()->second.message.body == "4");
    CHECK(server.channel().counters.finishCount == 3);
}

TEST_CASE("In mode client-individual an ACK is for one message") {
    Connected server;
    publish(server.host, "t", {"1", "2", "3"});
    CHECK(server.client.send(subscribe("ack:client-individual\n")).size() == 3);
    CHECK(server.client.send(answer("ACK", 2)).empty());
    CHECK(server.channel().inFlight.size() == 2);
    CHECK(server.channel().counters.finishCount == 1);
}

TEST_CASE("A NACK requeues, as an ACK finishes") {
    Connected server;
    publish(server.host, "t", {"1", "2", "3"});
    SECTION("one message") {
        server.client.send(subscribe("ack:client-individual\n"));
        CHECK(server.client.send(answer("NACK", 2)) == Lines{"#s 2 2"});
    }
    SECTION("all before") {
        server.client.send(subscribe("ack:client\n"));
        CHECK(server.client.send(answer("NACK", 2)) == Lines{"#s 2 1", "#s 2 2"});
    }
    SECTION("after a delay") {
        server.client.send(subscribe("ack:client-individual\n"));
        CHECK(server.client.send(answer("NACK", 2, "delay:500\n")).empty());
        CHECK(server.channel().deferred.size() == 1);
    }
    CHECK(server.client.stats().requeueCount == server.channel().counters.requeueCount);
}

TEST_CASE("1.0 and 1.1 answer with the message's id, of any of their subscriptions") {
    const std::string version = GENERATE("1.0", "1.1");
    Connected server{"accept-version:" + version + '\n'};
    server.client.send("SUBSCRIBE\nid:a\ndestination:/queue/t/c\nack:client\n\n");
    server.client.send("SUBSCRIBE\nid:b\ndestination:/queue/t/d\nack:client\n\n");
    publish(server.host, "t", {"x"});
    CHECK(server.client.idle() == Lines{"#a 1 x", "#b 1 x"});
    CHECK(headerOf(server.client.frames()[1], "message-id") == "2-" + id(1));
    CHECK(server.client.send("ACK\nsubscription:b\nmessage-id:2-" + id(1) + "\n\n").empty());
    CHECK(server.channel("c").inFlight.size() == 1);
    CHECK(server.channel("d").inFlight.empty());
}

TEST_CASE("An answer that is too late has no effect, and is not confirmed") {
    const std::string command = GENERATE("ACK", "NACK");
    Connected server;
    publish(server.host, "t", {"x"});
    server.client.send(subscribe("ack:client\nmsg-timeout:1000\nprefetch-count:1\n"));
    server.client.passTime(seconds{1});
    server.host.fakeBroker.expire(server.client.loop.now());
    CHECK(server.client.idle() == Lines{"#s 2 x"});
    CHECK(server.client.send(answer(command, 1)).empty());
    CHECK(server.channel().inFlight.size() == 1);  // the second delivery, which is not answered
    CHECK(server.client.send("ACK\nid:1-" + id(1, 2) + "\n\n").empty());
    CHECK(server.channel().inFlight.empty());
    CHECK(server.client.send("ACK\nid:1-" + id(1, 2) + "\n\n").empty());
    CHECK(server.client.send(answer(command, 2)).empty());
    CHECK(server.client.send(command + "\nid:7-" + id(1) + "\n\n").empty());
    CHECK_FALSE(server.client.connection.closed());
    CHECK(server.client.send(answer(command, 1, "receipt:r\n")) ==
          Lines{"!" + command + " of a message that is not in flight here any more (r)"});
    CHECK(server.client.connection.closed());
}

TEST_CASE(
    "A cumulative answer to a delivery that timed out does not take those before the next one with it") {
    const std::string command = GENERATE("ACK", "NACK");
    Connected server;
    publish(server.host, "t", {"a"});
    server.client.send(subscribe("ack:client\nmsg-timeout:1000\nprefetch-count:10\n"));
    server.client.passTime(milliseconds{999});
    publish(server.host, "t", {"b", "c"});
    CHECK(server.client.idle() == Lines{"#s 1 b", "#s 1 c"});
    server.client.passTime(milliseconds{2});
    server.host.fakeBroker.expire(server.client.loop.now());
    CHECK(server.client.idle() == Lines{"#s 2 a"});
    CHECK(server.client.send(answer(command, 1)).empty());
    CHECK(server.channel().inFlight.size() == 3);
    CHECK(server.channel().counters.finishCount == 0);
    CHECK(server.channel().counters.requeueCount == 0);
}

TEST_CASE("An answer to nothing is refused") {
    const auto& [version, input, error] = GENERATE(table<std::string, std::string, std::string>(
        {{"1.2", "ACK\n\n", "ACK of \"\"\\c not an id"},
         {"1.2", "NACK\nid:x\n\n", "NACK of \"x\"\\c not an id"},
         {"1.2", "ACK\nid:1-123\n\n", "ACK of \"1-123\"\\c not an id"},
         {"1.2", "ACK\nid:-0123456789abcdef-1\n\n", "ACK of \"-0123456789abcdef-1\"\\c not an id"},
         {"1.2", "ACK\nid:0123456789123456\n\n", "ACK of \"0123456789123456\"\\c not an id"},
         {"1.2", "ACK\nid:1-0123456789abcdef\n\n", "ACK of \"1-0123456789abcdef\"\\c not an id"},
         {"1.2", "ACK\nid:1-0123456789abcdef-\n\n", "ACK of \"1-0123456789abcdef-\"\\c not an id"},
         {"1.2", "ACK\nid:1-0123456789abcdef-1-1\n\n", "ACK of \"1-0123456789abcdef-1-1\"\\c not an id"},
         {"1.2", "ACK\nmessage-id:1-0123456789abcdef-1\n\n", "ACK of \"\"\\c not an id"},
         {"1.1", "ACK\nid:1-0123456789abcdef-1\n\n", "ACK of \"\"\\c not an id"},
         {"1.2", "NACK\nid:1-0123456789abcdef-1\ndelay:x\n\n", "delay \"x\" is not a number in 0-3600000"}}));
    CAPTURE(input);
    Connected server{"accept-version:" + version + '\n'};
    CHECK(server.client.send(input) == Lines{'!' + error});
    CHECK(server.client.connection.closed());
}

TEST_CASE("The prefetch count is how many may be in flight") {
    Connected server;
    publish(server.host, "t", {"1", "2", "3"});
    CHECK(server.client.send(subscribe("ack:client-individual\nprefetch-count:2\n")) ==
          Lines{"#s 1 1", "#s 1 2"});
    CHECK(server.client.stats().readyCount == 2);
    CHECK(server.client.stats().inFlightCount == 2);
    CHECK(server.client.send(answer("ACK", 1)) == Lines{"#s 1 3"});
}

TEST_CASE("Without a prefetch count it is 100, or less if the server's limit is") {
    sdk::testing::FakeHost host;
    const std::int64_t most = GENERATE(2500, 10);
    host.limitValues.maxRdyCount = most;
    Client client{host};
    client.connect().send(subscribe());
    CHECK(client.stats().readyCount == std::min<std::int64_t>(most, 100));
}

TEST_CASE("/topic/TOPIC has a channel of its own for each subscription") {
    Connected server;
    server.client.send("SUBSCRIBE\nid:a\ndestination:/topic/t\n\n");
    server.client.send("SUBSCRIBE\nid:b\ndestination:/topic/t\n\n");
    const auto& channels = server.host.fakeBroker.topic("t")->channels;
    REQUIRE(channels.size() == 2);
    for (const auto& [name, channel] : channels) {
        CHECK(name.starts_with("stomp-"));
        CHECK(name.ends_with("#ephemeral"));
    }
    publish(server.host, "t", {"x"});
    Lines answers = server.client.idle();
    std::sort(answers.begin(), answers.end());
    CHECK(answers == Lines{"#a 1 x", "#b 1 x"});
    CHECK(server.client.send("UNSUBSCRIBE\nid:a\nreceipt:1\n\n") == Lines{"receipt 1"});
    CHECK(channels.size() == 1);
}

TEST_CASE("What cannot be subscribed to is refused") {
    const auto& [version, input, error] = GENERATE(table<std::string, std::string, std::string>(
        {{"1.2", "SUBSCRIBE\nid:1\n\n", "destination \"\" is neither /topic/TOPIC nor /queue/TOPIC/CHANNEL"},
         {"1.2", "SUBSCRIBE\nid:1\ndestination:/queue/t\n\n",
          "destination \"/queue/t\" is neither /topic/TOPIC nor /queue/TOPIC/CHANNEL"},
         {"1.2", "SUBSCRIBE\nid:1\ndestination:/queue/t/\n\n",
          "destination \"/queue/t/\" is neither /topic/TOPIC nor /queue/TOPIC/CHANNEL"},
         {"1.2", "SUBSCRIBE\nid:1\ndestination:/queue//c\n\n",
          "destination \"/queue//c\" is neither /topic/TOPIC nor /queue/TOPIC/CHANNEL"},
         {"1.2", "SUBSCRIBE\nid:1\ndestination:/queue/t/c/d\n\n",
          "destination \"/queue/t/c/d\" is neither /topic/TOPIC nor /queue/TOPIC/CHANNEL"},
         {"1.2", "SUBSCRIBE\ndestination:/queue/t/c\n\n", "SUBSCRIBE needs a short id"},
         {"1.1", "SUBSCRIBE\ndestination:/queue/t/c\n\n", "SUBSCRIBE needs a short id"},
         {"1.2", "SUBSCRIBE\nid:" + std::string(257, 'x') + "\ndestination:/queue/t/c\n\n",
          "SUBSCRIBE needs a short id"},
         {"1.2", subscribe("ack:maybe\n"), "ack is none of auto, client, client-individual"},
         {"1.2", subscribe("prefetch-count:0\n"), "prefetch-count \"0\" is not a number in 1-2500"},
         {"1.2", subscribe("prefetch-count:2501\n"), "prefetch-count \"2501\" is not a number in 1-2500"},
         {"1.2", subscribe("msg-timeout:999\n"), "msg-timeout \"999\" is not a number in 1000-900000"},
         {"1.2", subscribe("msg-timeout:900001\n"), "msg-timeout \"900001\" is not a number in 1000-900000"},
         {"1.2", "SUBSCRIBE\nid:there\ndestination:/queue/t/c\n\n",
          "subscription \"there\" is there already"},
         {"1.2", "UNSUBSCRIBE\nid:no\n\n", "there is no such subscription"},
         {"1.2", "UNSUBSCRIBE\n\n", "there is no such subscription"}}));
    CAPTURE(input);
    Connected server{"accept-version:" + version + '\n'};
    server.client.send("SUBSCRIBE\nid:there\ndestination:/queue/other/c\n\n");
    CHECK(server.client.send(input) == Lines{'!' + error});
    CHECK(server.client.connection.closed());
}

TEST_CASE("A subscription that the broker refuses is an ERROR") {
    Connected server;
    server.host.fakeBroker.failNextSubscribe({sdk::ErrorCode::kTooManyConsumers, "too many consumers"});
    CHECK(server.client.send(subscribe("receipt:r\n")) == Lines{"!too many consumers (r)"});
    CHECK(server.client.connection.closed());
}

TEST_CASE("There may be 100 subscriptions") {
    Connected server;
    Lines answers;
    int made = 0;
    for (; answers.empty() && made < 200; ++made)
        answers =
            server.client.send("SUBSCRIBE\nid:" + std::to_string(made) + "\ndestination:/queue/t/c\n\n");
    CHECK(answers == Lines{"!too many subscriptions"});
    CHECK(made == 101);
}

TEST_CASE("In 1.0 a destination stands for an id") {
    Connected server{"accept-version:1.0\n"};
    CHECK(server.client.send("SUBSCRIBE\ndestination:/queue/t/c\nack:client\n\n").empty());
    publish(server.host, "t", {"x"});
    CHECK(server.client.idle() == Lines{"#/queue/t/c 1 x"});
    CHECK(server.client.send("UNSUBSCRIBE\ndestination:/queue/t/c\nreceipt:1\n\n") == Lines{"receipt 1"});
    CHECK(server.channel().consumers.empty());
}

TEST_CASE("What is in flight is requeued when its subscription ends") {
    const std::string mode = GENERATE("client", "client-individual");
    auto server = std::make_unique<Connected>();
    sdk::testing::FakeHost& host = server->host;
    publish(host, "t", {"1", "2", "3"});
    server->client.send(subscribe("ack:" + mode + '\n'));
    server->client.send(answer("ACK", 1));
    CHECK(server->channel().inFlight.size() == 2);
    SECTION("by UNSUBSCRIBE") {
        CHECK(server->client.send("UNSUBSCRIBE\nid:s\n\n").empty());
    }
    SECTION("by DISCONNECT") {
        CHECK(server->client.send("DISCONNECT\n\n").empty());
        server->client.session.reset();
    }
    SECTION("by an ERROR") {
        CHECK(server->client.send("FOO\n\n").size() == 1);
        server->client.session.reset();
    }
    SECTION("with the connection") {
        server->client.session.reset();
    }
    CHECK(server->channel().inFlight.empty());
    CHECK(server->channel().waiting.size() == 2);
    CHECK(server->channel().consumers.empty());
}

TEST_CASE("What was never answered does not add up") {
    Connected server;
    server.client.send(subscribe("ack:client\nmsg-timeout:1000\nprefetch-count:1\n"));
    publish(server.host, "t", {"x"});
    CHECK(server.client.idle().size() == 1);
    for (int i = 0; i < 5; ++i) {
        server.client.passTime(milliseconds{1001});
        server.host.fakeBroker.expire(server.client.loop.now());
        CHECK(server.client.idle().size() == 1);
    }
    // Were the timed out deliveries still remembered, each of them would be tried.
    CHECK(server.client.send("UNSUBSCRIBE\nid:s\n\n").empty());
    CHECK(server.client.stats().requeueCount == 1);
}

TEST_CASE("ACKs of a transaction are done when it is committed, after its messages are") {
    Connected server;
    publish(server.host, "t", {"1", "2"});
    server.client.send(subscribe("ack:client-individual\n"));
    server.client.sendRaw(frame("BEGIN\ntransaction:a\n\n") + frame(answer("ACK", 1, "transaction:a\n")) +
                          frame(answer("NACK", 2, "transaction:a\ndelay:9\n")) +
                          frame("SEND\ndestination:/topic/u\ntransaction:a\n\nx"));
    CHECK(server.channel().inFlight.size() == 2);
    SECTION("committed") {
        server.host.fakeBroker.holdOutcomes(true);
        CHECK(server.client.send("COMMIT\ntransaction:a\nreceipt:1\n\n").empty());
        CHECK(server.channel().inFlight.size() == 2);
        server.host.fakeBroker.releaseOutcomes();
        CHECK(server.client.idle() == Lines{"receipt 1"});
        CHECK(server.channel().inFlight.empty());
        CHECK(server.channel().counters.finishCount == 1);
        CHECK(server.channel().deferred.size() == 1);
    }
    SECTION("committed, and unsubscribed behind it") {
        server.host.fakeBroker.holdOutcomes(true);
        CHECK(server.client
                  .sendRaw(frame("COMMIT\ntransaction:a\n\n") + frame("UNSUBSCRIBE\nid:s\nreceipt:2\n\n"))
                  .empty());
        server.host.fakeBroker.releaseOutcomes();
        CHECK(server.client.idle() == Lines{"receipt 2"});
        CHECK(server.channel().counters.finishCount == 1);
    }
    SECTION("not stored") {
        server.host.fakeBroker.failOutcome({sdk::ErrorCode::kStorage, "disk full"});
        CHECK(server.client.send("COMMIT\ntransaction:a\n\n") == Lines{"!not stored\\c disk full"});
        server.client.session.reset();
        CHECK(server.channel().counters.finishCount == 0);
        CHECK(server.channel().waiting.size() == 2);
    }
    SECTION("aborted") {
        CHECK(server.client.send("ABORT\ntransaction:a\nreceipt:1\n\n") == Lines{"receipt 1"});
        CHECK(server.channel().inFlight.size() == 2);
        CHECK(server.client.send(answer("ACK", 1, "receipt:2\n")) == Lines{"receipt 2"});
    }
    SECTION("committed too late for one of them") {
        server.client.passTime(server.host.limitValues.msgTimeout + milliseconds{1});
        server.host.fakeBroker.expire(server.client.loop.now());
        server.client.idle();
        CHECK(server.client.send("COMMIT\ntransaction:a\nreceipt:1\n\n") ==
              Lines{"!2 answers of the transaction came too late (1)"});
        CHECK(server.host.fakeBroker.published("u") == Lines{"x"});
        CHECK(server.client.connection.closed());
    }
    SECTION("committed too late, and more behind it") {
        server.client.passTime(server.host.limitValues.msgTimeout + milliseconds{1});
        server.host.fakeBroker.expire(server.client.loop.now());
        server.client.idle();
        server.host.fakeBroker.holdOutcomes(true);
        const std::string behind = GENERATE("DISCONNECT\nreceipt:2\n\n", "FOO\nreceipt:2\n\n");
        CHECK(server.client.sendRaw(frame("COMMIT\ntransaction:a\nreceipt:1\n\n") + frame(behind)).empty());
        server.host.fakeBroker.releaseOutcomes();
        CHECK(server.client.idle() == Lines{"!2 answers of the transaction came too late (1)"});
        CHECK(server.client.connection.closed());
    }
    SECTION("committed too late without a receipt") {
        server.client.passTime(server.host.limitValues.msgTimeout + milliseconds{1});
        server.host.fakeBroker.expire(server.client.loop.now());
        server.client.idle();
        CHECK(server.client.send("COMMIT\ntransaction:a\n\n").empty());
        CHECK_FALSE(server.client.connection.closed());
    }
    SECTION("without a SEND") {
        CHECK(server.client.sendRaw(frame("BEGIN\ntransaction:b\n\n") +
                                    frame(answer("ACK", 1, "transaction:b\n")) +
                                    frame("COMMIT\ntransaction:b\nreceipt:3\n\n")) == Lines{"receipt 3"});
        CHECK(server.channel().inFlight.size() == 1);
    }
}

TEST_CASE("A channel that is deleted ends the connection with an ERROR") {
    Connected server;
    server.client.send(subscribe());
    REQUIRE(server.host.fakeBroker.deleteChannel("t", "c"));
    CHECK(server.client.idle() == Lines{"!a subscription's channel is gone"});
    CHECK(server.client.connection.closed());
}

TEST_CASE("Deliveries stop when the client does not read, and go on when it does") {
    Connected server;
    const std::size_t room = 20'000;
    server.client.connection.setRoom(room);
    server.client.connection.holdOutput(true);
    const bool longId = GENERATE(false, true);
    server.client.connection.exchange(
        frame("SUBSCRIBE\nack:client\nprefetch-count:2500\ndestination:/queue/t/c\nid:" +
              std::string(longId ? 256 : 1, 's') + "\n\n"));
    const Lines bodies(1000, "x");
    publish(server.host, "t", bodies);
    server.client.connection.endTurn();
    CHECK(server.client.connection.output().size() >= room);
    CHECK(server.client.connection.output().size() < room + 2000);
    server.client.connection.holdOutput(false);
    CHECK(server.client.idle().size() == 1000);
    CHECK(server.channel().inFlight.size() == 1000);
}

TEST_CASE("A message larger than the room is delivered") {
    Connected server;
    server.client.connection.setRoom(1000);
    server.client.send(subscribe());
    publish(server.host, "t", {std::string(50'000, 'x'), "y"});
    CHECK(server.client.idle().size() == 2);
}

TEST_CASE("Nothing is delivered behind an ERROR") {
    Connected server;
    server.client.send(subscribe());
    publish(server.host, "t", {"x"});
    server.client.connection.receive(frame("FOO\n\n"));
    CHECK(server.client.idle() == Lines{"!unknown command"});
    CHECK(server.channel().waiting.size() == 1);
}

TEST_CASE("Statistics show the subscription") {
    Connected server;
    server.client.send(subscribe());
    const sdk::ClientStats stats = server.client.stats();
    CHECK(stats.state == sdk::ClientState::kSubscribed);
    CHECK(stats.topic == "t");
    CHECK(stats.channel == "c");
}

}  // namespace nsq::stomp
