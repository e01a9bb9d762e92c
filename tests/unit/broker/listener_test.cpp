#include <catch2/catch.hpp>

#include "unit/broker/fixture.h"

namespace nsq::test {
namespace {

/// Remembers what it is told.
struct Listener final : broker::TopicListener {
    explicit Listener(bool waiting = false) : wait(waiting) {}

    bool onNewTopic(const std::string& topic, const broker::Identity& identity) override {
        made.push_back(topic);
        last = identity;
        return wait;
    }
    void onChanged(const std::string& topic) override { changed.push_back(topic); }

    bool wait;
    Texts made;
    broker::Identity last;
    Texts changed;
};

std::optional<Texts> channels(Server& server, const std::string& topic) {
    const auto known = server->known(topic);
    if (!known) return std::nullopt;
    Texts names;
    for (const auto& channel : known->channels) names.push_back(channel.name);
    return names;
}

TEST_CASE("a listener hears of every topic and channel that comes or goes", "[broker][listener]") {
    Server server;
    TestLoop loop;
    REQUIRE(server->createTopic("before"));
    Listener listener;
    server->setListener(&listener);
    const auto told = [&] { return std::exchange(listener.changed, {}); };

    server.publish("t", {"m"});
    CHECK(told() == Texts{"t"});
    REQUIRE(server->createChannel("t", "c"));
    CHECK(told() == Texts{"t"});
    server.publish("t", {"m"});
    REQUIRE(server->createTopic("t"));
    REQUIRE(server->createChannel("t", "c"));
    CHECK(told().empty());
    Consumer consumer{*server, loop, "t", "e#ephemeral"};
    CHECK(told() == Texts{"t"});
    CHECK(channels(server, "t") == Texts{"c", "e#ephemeral"});
    consumer.leave();
    CHECK(told() == Texts{"t"});
    REQUIRE(server->deleteChannel("t", "c"));
    CHECK(told() == Texts{"t"});
    CHECK(channels(server, "t") == Texts{});
    REQUIRE(server->deleteTopic("t"));
    CHECK(told() == Texts{"t"});
    CHECK_FALSE(channels(server, "t"));
    CHECK(listener.made == Texts{"t"});
    CHECK(server->topicNames() == Texts{"before"});

    Consumer last{*server, loop, "t#ephemeral", "c"};
    CHECK(told() == Texts{"t#ephemeral", "t#ephemeral"});
    REQUIRE(server->deleteChannel("t#ephemeral", "c"));
    CHECK(told() == Texts{"t#ephemeral", "t#ephemeral"});
    CHECK_FALSE(channels(server, "t#ephemeral"));
}

TEST_CASE("a topic that waits for its start keeps its messages for all channels", "[broker][listener]") {
    Server server;
    TestLoop loop;
    Listener listener{true};
    server->setListener(&listener);
    server.publish("t", {"0", "1"});
    server.publish("t", {"late"}, 1ms);
    Consumer early{*server, loop, "t", "early"};
    server.publish("t", {"2"});
    loop.settle();
    CHECK(early.take().empty());
    CHECK(server.topic("t").depth == 4);
    CHECK(server.topic("t").messageCount == 4);
    CHECK_FALSE(server.topic("t").paused);
    CHECK(server.channel("t", "early").depth == 0);

    server->startTopic("t", listener.last, std::vector<std::string>{"a", "b", "not valid"});
    CHECK(server.log().find("not valid") != std::string::npos);
    CHECK(server.topic("t").depth == 0);
    for (const std::string name : {"early", "a", "b"}) {
        CAPTURE(name);
        CHECK(server.channel("t", name).messageCount == 4);
    }
    CHECK(early.receive(4).size() == 4);
    server.publish("t", {"3"});
    CHECK(server.channel("t", "a").messageCount == 5);
    server.checkCounters();
}

TEST_CASE("only a topic that waits is started", "[broker][listener]") {
    Server server;
    server->startTopic("none", {}, std::vector<std::string>{"c"});
    CHECK(server->topicNames().empty());
    server.publish("t", {"0"});
    server->startTopic("t", server->known("t")->identity, std::vector<std::string>{"c"});
    CHECK(channels(server, "t") == Texts{});
}

TEST_CASE("a topic that waits and is paused gives nothing out before both are over", "[broker][listener]") {
    Server server;
    Listener listener{true};
    server->setListener(&listener);
    server.publish("t", {"0"});
    REQUIRE(server->pauseTopic("t", true));
    server->startTopic("t", listener.last, std::vector<std::string>{"c"});
    CHECK(server.channel("t", "c").messageCount == 0);
    REQUIRE(server->pauseTopic("t", false));
    CHECK(server.channel("t", "c").messageCount == 1);
}

TEST_CASE("a topic that is deleted while it waits waits again when it is made anew", "[broker][listener]") {
    Server server;
    Listener listener{true};
    server->setListener(&listener);
    server.publish("t", {"old"});
    const broker::KnownTopic old = *server->known("t");
    REQUIRE(server->deleteTopic("t"));
    CHECK(broker::isSame(listener.last, old.identity));
    server->startTopic("t", old.identity, std::vector<std::string>{"c"});
    CHECK_FALSE(channels(server, "t"));
    server.publish("t", {"0"});
    // What was asked for the old one is no start for this one.
    server->startTopic("t", old.identity, std::vector<std::string>{"old"});
    CHECK(channels(server, "t") == Texts{});
    CHECK_FALSE(broker::isSame(server->known("t")->identity, old.identity));
    CHECK(broker::isSame(server->known("t")->identity, server->known("t")->identity));
    REQUIRE(server->createChannel("t", "c"));
    CHECK(server.channel("t", "c").messageCount == 0);
    CHECK(listener.made == Texts{"t", "t"});
    server->startTopic("t", listener.last, {});
    CHECK(server.channel("t", "c").messageCount == 1);
}

TEST_CASE("a topic gets no channels any more when the server is to stop", "[broker][listener]") {
    Server server;
    Listener listener{true};
    server->setListener(&listener);
    server.publish("t", {"0"});
    server->refusePublishes();
    server->startTopic("t", listener.last, std::vector<std::string>{"a", "b"});
    CHECK(channels(server, "t") == Texts{});
    server.restart();
    REQUIRE(server->createChannel("t", "first"));
    CHECK(server.channel("t", "first").depth == 1);
}

TEST_CASE("what a topic has that waits outlives a crash and a stop", "[broker][listener]") {
    for (const bool crash : {true, false}) {
        Server server;
        Listener listener{true};
        server->setListener(&listener);
        server.publish("t", {"0", "1"});
        server.publish("lonely", {"0"});
        REQUIRE(server->createChannel("t", "c"));
        if (crash) {
            server.crash();
            server.start();
        } else {
            server.restart();
        }
        // Nobody holds back what is restored, and the listener is not asked.
        CHECK(listener.made == Texts{"t", "lonely"});
        CHECK(server.channel("t", "c").depth == 2);
        REQUIRE(server->createChannel("lonely", "first"));
        CHECK(server.channel("lonely", "first").depth == 1);
    }
}

}  // namespace
}  // namespace nsq::test
