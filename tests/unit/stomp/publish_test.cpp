// SEND, receipts and transactions.

#include <catch2/catch.hpp>

#include "frame.h"
#include "stomp_client.h"

namespace nsq::stomp {

namespace {

using std::chrono::milliseconds;

std::string send(std::string_view body, std::string_view headers = {}) {
    return "SEND\ndestination:/topic/t\n" + std::string{headers} + '\n' + std::string{body};
}

/// A server and a client that is connected.
struct Connected {
    sdk::testing::FakeHost host;
    Client client{host};
    Connected() { client.connect(); }

    Lines published(std::string_view topic = "t") const { return host.fakeBroker.published(topic); }
};

}  // namespace

TEST_CASE("SEND publishes") {
    Connected server;
    CHECK(server.client.send(send("hello")).empty());
    CHECK(server.client.sendRaw(frame(send("a")) + "\n\r\n" + frame(send("b"))).empty());
    const std::string binary{"\0\n\0", 3};
    CHECK(server.client.send(send(binary, "content-length:3\n")).empty());
    CHECK(server.published() == Lines{"hello", "a", "b", binary});
}

TEST_CASE("Cut at any place, the frames are the same") {
    const std::string input =
        frame(send("hello", "receipt:1\n")) + "\n" + frame(send("x\ny", "content-length:3\nreceipt:2\n"));
    for (std::size_t cut = 1; cut < input.size(); ++cut) {
        Connected server;
        Lines answers = server.client.sendRaw(input.substr(0, cut));
        for (const std::string& line : server.client.sendRaw(input.substr(cut))) answers.push_back(line);
        CHECK(answers == Lines{"receipt 1", "receipt 2"});
        CHECK(server.published() == Lines{"hello", "x\ny"});
    }
}

TEST_CASE("What cannot be published is refused, and nothing is published") {
    const auto& [input, error] = GENERATE(table<std::string, std::string>(
        {{"SEND\n\nx", "destination \"\" is neither /topic/TOPIC nor /queue/TOPIC/CHANNEL"},
         {"SEND\ndestination:t\n\nx", "destination \"t\" is neither /topic/TOPIC nor /queue/TOPIC/CHANNEL"},
         {"SEND\ndestination:/topic/\n\nx",
          "destination \"/topic/\" is neither /topic/TOPIC nor /queue/TOPIC/CHANNEL"},
         {"SEND\ndestination:/topic/$\n\nx",
          "destination \"/topic/$\" is neither /topic/TOPIC nor /queue/TOPIC/CHANNEL"},
         {"SEND\ndestination:/topic/t/c\n\nx",
          "destination \"/topic/t/c\" is neither /topic/TOPIC nor /queue/TOPIC/CHANNEL"},
         {"SEND\ndestination:/queue/t\n\nx",
          "destination \"/queue/t\" is neither /topic/TOPIC nor /queue/TOPIC/CHANNEL"},
         {"SEND\ndestination:/queue/t/c\n\nx", "SEND to a channel; messages go to /topic/TOPIC"},
         {send(""), "SEND without a body\\c NSQ has no empty messages"},
         {send("x", "delay:-1\n"), "delay \"-1\" is not a number in 0-3600000"},
         {send("x", "delay:3600001\n"), "delay \"3600001\" is not a number in 0-3600000"},
         {send("x", "transaction:no\n"), "there is no transaction \"no\""},
         {send(std::string(1001, 'x')), "the body exceeds 1000 bytes"}}));
    CAPTURE(input);
    sdk::testing::FakeHost host;
    host.limitValues.maxMsgSize = 1000;
    Client client{host};
    client.connect();
    CHECK(client.send(input) == Lines{'!' + error});
    CHECK(client.connection.closed());
    CHECK(host.fakeBroker.published("t").empty());
}

TEST_CASE("A delayed message is deferred") {
    Connected server;
    CHECK(server.client.send("SUBSCRIBE\nid:1\ndestination:/queue/t/c\n\n").empty());
    CHECK(server.client.send(send("late", "delay:500\n")).empty());
    server.client.passTime(milliseconds{499});
    server.host.fakeBroker.expire(server.client.loop.now());
    CHECK(server.client.idle().empty());
    server.client.passTime(milliseconds{1});
    server.host.fakeBroker.expire(server.client.loop.now());
    CHECK(server.client.idle() == Lines{"#1 1 late"});
}

TEST_CASE("A receipt comes after the commit, and in the order of the frames") {
    Connected server;
    server.host.fakeBroker.holdOutcomes(true);
    CHECK(server.client.send(send("a", "receipt:1\n")).empty());
    CHECK(server.client.send(send("b")).empty());
    CHECK(server.client.send("SUBSCRIBE\nid:1\ndestination:/queue/u/c\nreceipt:2\n\n").empty());
    CHECK(server.client.send(send("c", "receipt:3\n")).empty());
    server.host.fakeBroker.releaseOutcomes(1);
    CHECK(server.client.idle() == Lines{"receipt 1"});
    server.host.fakeBroker.releaseOutcomes(1);
    CHECK(server.client.idle() == Lines{"receipt 2"});
    CHECK(server.client.send("DISCONNECT\nreceipt:4\n\n").empty());
    CHECK_FALSE(server.client.connection.closed());
    server.host.fakeBroker.releaseOutcomes();
    CHECK(server.client.idle() == Lines{"receipt 3", "receipt 4"});
    CHECK(server.client.connection.closed());
}

TEST_CASE("An ERROR comes after the answers to the frames before it") {
    Connected server;
    server.host.fakeBroker.holdOutcomes(true);
    CHECK(
        server.client.sendRaw(frame(send("a", "receipt:1\n")) + frame("FOO\n\n") + frame(send("b"))).empty());
    CHECK_FALSE(server.client.connection.closed());
    CHECK(server.published() == Lines{"a"});
    server.host.fakeBroker.releaseOutcomes();
    CHECK(server.client.idle() == Lines{"receipt 1", "!unknown command"});
    CHECK(server.client.connection.closed());
}

TEST_CASE("A publish that is refused is an ERROR") {
    Connected server;
    server.host.fakeBroker.failNextPublish({sdk::ErrorCode::kExiting, "exiting"});
    CHECK(server.client.send(send("a", "receipt:1\n")) == Lines{"!exiting (1)"});
    CHECK(server.client.connection.closed());
}

TEST_CASE("A publish that is not committed is an ERROR in place of all that would follow") {
    Connected server;
    server.host.fakeBroker.holdOutcomes(true);
    server.host.fakeBroker.failOutcome({sdk::ErrorCode::kStorage, "disk full"}, 1);
    CHECK(server.client
              .sendRaw(frame(send("a", "receipt:1\n")) + frame(send("b", "receipt:2\n")) +
                       frame(send("c", "receipt:3\n")) + frame("FOO\n\n"))
              .empty());
    server.host.fakeBroker.releaseOutcomes();
    CHECK(server.client.idle() == Lines{"receipt 1", "!not stored\\c disk full (2)"});
    CHECK(server.client.connection.closed());
}

TEST_CASE("Frames wait when too many are without their commits") {
    Connected server;
    server.host.fakeBroker.holdOutcomes(true);
    std::string input;
    for (int i = 0; i < 3000; ++i) input += frame(send("x"));
    CHECK(server.client.sendRaw(input).empty());
    CHECK(server.published().size() < 1100);
    for (int i = 0; i < 3; ++i) {
        server.host.fakeBroker.releaseOutcomes();
        CHECK(server.client.idle().empty());
    }
    CHECK(server.published().size() == 3000);
}

TEST_CASE("Frames wait for room in the output") {
    Connected server;
    server.client.connection.setRoom(40);
    server.client.connection.holdOutput(true);
    std::string input;
    for (int i = 0; i < 10; ++i)
        input += frame("BEGIN\ntransaction:" + std::to_string(i) + "\nreceipt:1\n\n");
    server.client.connection.exchange(input);
    CHECK(server.client.connection.output().size() < 80);
    server.client.connection.holdOutput(false);
    CHECK(server.client.idle() == Lines(10, "receipt 1"));
}

TEST_CASE("A transaction is published when it is committed, a batch for each topic") {
    Connected server;
    CHECK(server.client.send("BEGIN\ntransaction:tx\n\n").empty());
    CHECK(server.client.send(send("1", "transaction:tx\n")).empty());
    CHECK(server.client.send("SEND\ndestination:/topic/u\ntransaction:tx\n\nother").empty());
    CHECK(server.client.send(send("2", "transaction:tx\nreceipt:s\n")) == Lines{"receipt s"});
    CHECK(server.client.send(send("0")).empty());
    CHECK(server.published() == Lines{"0"});
    server.host.fakeBroker.holdOutcomes(true);
    CHECK(server.client.send("COMMIT\ntransaction:tx\nreceipt:c\n\n").empty());
    CHECK(server.published() == Lines{"0", "1", "2"});
    CHECK(server.published("u") == Lines{"other"});
    server.host.fakeBroker.releaseOutcomes(1);
    CHECK(server.client.idle().empty());
    server.host.fakeBroker.releaseOutcomes(1);  // a second batch, and no third one
    CHECK(server.client.idle() == Lines{"receipt c"});
    CHECK(server.client.stats().pubCounts.size() == 2);
    CHECK(server.client.send("COMMIT\ntransaction:tx\n\n") == Lines{"!there is no transaction \"tx\""});
}

TEST_CASE("An aborted transaction, and one that was open in the end, publish nothing") {
    Connected server;
    server.client.sendRaw(frame("BEGIN\ntransaction:a\n\n") + frame("BEGIN\ntransaction:b\n\n") +
                          frame(send("a", "transaction:a\n")) + frame(send("b", "transaction:b\n")));
    CHECK(server.client.send("ABORT\ntransaction:a\nreceipt:1\n\n") == Lines{"receipt 1"});
    CHECK(server.client.send("DISCONNECT\nreceipt:2\n\n") == Lines{"receipt 2"});
    CHECK(server.published().empty());
}

TEST_CASE("Transactions have names of their own") {
    const auto& [input, error] = GENERATE(table<std::string, std::string>(
        {{"BEGIN\ntransaction:a\n\n", "transaction \"a\" is open already"},
         {"BEGIN\n\n", "BEGIN without the header transaction"},
         {"COMMIT\ntransaction:b\n\n", "there is no transaction \"b\""},
         {"ABORT\n\n", "there is no transaction \"\""},
         {"ACK\nid:1-0123456789abcdef-1\ntransaction:b\n\n", "there is no transaction \"b\""}}));
    CAPTURE(input);
    Connected server;
    server.client.send("BEGIN\ntransaction:a\n\n");
    CHECK(server.client.send(input) == Lines{'!' + error});
    CHECK(server.client.connection.closed());
}

TEST_CASE("Transactions are bounded in number, bytes, topics and answers") {
    sdk::testing::FakeHost host;
    host.limitValues.maxBodySize = 100'000;
    Client client{host};
    client.connect();
    int sent = 0;
    Lines answers;
    SECTION("number") {
        for (; answers.empty() && sent < 100; ++sent)
            answers = client.send("BEGIN\ntransaction:" + std::to_string(sent) + "\n\n");
        CHECK(answers == Lines{"!too many transactions are open"});
        CHECK(sent == 17);
    }
    SECTION("bytes of all together") {
        client.sendRaw(frame("BEGIN\ntransaction:0\n\n") + frame("BEGIN\ntransaction:1\n\n"));
        for (; answers.empty() && sent < 200; ++sent)
            answers =
                client.send(send(std::string(1000, 'x'), "transaction:" + std::to_string(sent % 2) + '\n'));
        CHECK(answers == Lines{"!open transactions exceed max-body-size"});
        CHECK(sent == 94);
    }
    SECTION("bytes that come free") {
        for (; answers.empty() && sent < 200; ++sent)
            answers = client.sendRaw(
                frame("BEGIN\ntransaction:0\n\n") + frame(send(std::string(1000, 'x'), "transaction:0\n")) +
                frame(sent % 2 == 0 ? "ABORT\ntransaction:0\n\n" : "COMMIT\ntransaction:0\n\n"));
        CHECK(answers.empty());
    }
    SECTION("answers") {
        host.limitValues.maxBodySize = 1'000'000;
        Client other{host};
        other.connect().send("BEGIN\ntransaction:0\n\n");
        for (; answers.empty() && sent < 2000; ++sent)
            answers = other.send("ACK\nid:1-0123456789abcdef-1\ntransaction:0\n\n");
        CHECK(answers == Lines{"!a transaction has too many answers"});
        CHECK(sent == 1025);
    }
    SECTION("topics") {
        client.send("BEGIN\ntransaction:0\n\n");
        for (; answers.empty() && sent < 500; ++sent)
            answers = client.send(send("x", "transaction:0\ndelay:" + std::to_string(sent) + '\n'));
        CHECK(answers == Lines{"!a transaction has too many topics and delays"});
        CHECK(sent == 257);
    }
}

TEST_CASE("A transaction that cannot be published ends with an ERROR") {
    Connected server;
    server.client.sendRaw(frame("BEGIN\ntransaction:a\n\n") + frame(send("1", "transaction:a\n")));
    SECTION("at once") {
        server.host.fakeBroker.failNextPublish({sdk::ErrorCode::kExiting, "exiting"});
        CHECK(server.client.send("COMMIT\ntransaction:a\nreceipt:c\n\n") == Lines{"!exiting (c)"});
    }
    SECTION("at its commit") {
        server.host.fakeBroker.failOutcome({sdk::ErrorCode::kStorage, "disk full"});
        CHECK(server.client.send("COMMIT\ntransaction:a\nreceipt:c\n\n") ==
              Lines{"!not stored\\c disk full (c)"});
    }
    CHECK(server.client.connection.closed());
}

TEST_CASE("The largest frame fits into maxPending") {
    sdk::testing::FakeHost host;
    Client client{host};
    client.connect();
    std::string head = "SEND\ndestination:/topic/t\nreceipt:1\ncontent-length:1048576\nx:";
    head += std::string(kMaxHead - head.size() - 2, 'x') + "\n\n";
    const std::string input = frame(head + std::string(1048576, 'y'));
    REQUIRE(input.size() <= client.session->maxPending());
    for (std::size_t at = 0; at < input.size(); at += 65536) {
        client.connection.receive(std::string_view{input}.substr(at, 65536));
        REQUIRE(client.connection.unread() == 0);
    }
    CHECK(client.idle() == Lines{"receipt 1"});
}

}  // namespace nsq::stomp
