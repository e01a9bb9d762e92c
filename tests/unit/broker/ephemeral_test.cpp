#include <catch2/catch.hpp>

#include "unit/broker/fixture.h"

namespace nsq::test {
namespace {

broker::BrokerConfig keepsFive() {
    broker::BrokerConfig config;
    config.memQueueSize = 5;
    return config;
}

TEST_CASE("an ephemeral channel goes with its last consumer", "[broker][ephemeral]") {
    Server server;
    TestLoop loop;
    Consumer first{*server, loop, "t", "c#ephemeral"};
    Consumer second{*server, loop, "t", "c#ephemeral"};
    Consumer lasting{*server, loop, "t", "d"};
    first.leave();
    CHECK(server->stats({"t", "c#ephemeral"}).at(0).channels.size() == 1);
    second.leave();
    CHECK(server->stats({"t", "c#ephemeral"}).at(0).channels.empty());
    lasting.leave();
    CHECK(server->stats({"t", ""}).at(0).channels.size() == 1);
    CHECK(server->hasTopic("t"));
}

TEST_CASE("an ephemeral topic goes with its last channel", "[broker][ephemeral]") {
    Server server;
    TestLoop loop;
    server.publish("t#ephemeral", {"x"});
    CHECK(server->hasTopic("t#ephemeral"));
    Consumer first{*server, loop, "t#ephemeral", "a#ephemeral"};
    Consumer second{*server, loop, "t#ephemeral", "b"};
    CHECK(first.take().size() == 1);
    first.leave();
    second.leave();
    // A lasting channel of an ephemeral topic stays until it is deleted.
    CHECK(server->hasTopic("t#ephemeral"));
    REQUIRE(server->deleteChannel("t#ephemeral", "b"));
    CHECK_FALSE(server->hasTopic("t#ephemeral"));
    { Consumer only{*server, loop, "t#ephemeral", "a#ephemeral"}; }
    CHECK_FALSE(server->hasTopic("t#ephemeral"));
}

TEST_CASE("an ephemeral channel keeps mem-queue-size messages, the newest", "[broker][ephemeral]") {
    Server server{keepsFive()};
    TestLoop loop;
    Consumer consumer{*server, loop, "t", "c#ephemeral", 1};
    Consumer lasting{*server, loop, "t", "d"};
    server.publish("t", {"in flight"});
    const auto first = consumer.take();
    REQUIRE(first.size() == 1);
    server.publish("t", numbered(4));
    REQUIRE(consumer->requeue({first[0].id}, 0ms));
    server.publish("t", numbered(3, 4));
    CHECK(server.channel("t", "c#ephemeral").depth == 5);
    CHECK(server.channel("t", "c#ephemeral").droppedCount == 3);
    server.publish("t", numbered(100, 7));
    consumer->setReady(100);
    CHECK(bodiesOf(consumer.take()) == numbered(5, 102));
    CHECK(lasting.take().size() == 108);
    server.checkCounters();
}

TEST_CASE("an ephemeral topic without channels keeps mem-queue-size messages, the newest",
          "[broker][ephemeral]") {
    Server server{keepsFive()};
    TestLoop loop;
    server.publish("t#ephemeral", numbered(3));
    server.publish("t#ephemeral", numbered(4, 3));
    CHECK(server.topic("t#ephemeral").depth == 5);
    Consumer consumer{*server, loop, "t#ephemeral", "c"};
    CHECK(bodiesOf(consumer.take()) == numbered(5, 2));
    // All channels of an ephemeral topic are limited.
    server.publish("t#ephemeral", numbered(9));
    CHECK(bodiesOf(consumer.take()) == numbered(5, 4));
    server.checkCounters();
}

TEST_CASE("an ephemeral topic that is paused keeps mem-queue-size messages too", "[broker][ephemeral]") {
    Server server{keepsFive()};
    TestLoop loop;
    Consumer consumer{*server, loop, "t#ephemeral", "c"};
    server.publish("t#ephemeral", numbered(2));
    REQUIRE(server->pauseTopic("t#ephemeral", true));
    for (std::size_t i = 2; i < 20; ++i) server.publish("t#ephemeral", numbered(1, i));
    CHECK(server.topic("t#ephemeral").depth == 5);
    CHECK(bodiesOf(consumer.take()) == numbered(2));
    REQUIRE(server->pauseTopic("t#ephemeral", false));
    CHECK(bodiesOf(consumer.take()) == numbered(5, 15));
    server.checkCounters();
}

TEST_CASE("with mem-queue-size 0 a ready consumer gets messages of an ephemeral channel",
          "[broker][ephemeral]") {
    broker::BrokerConfig config;
    config.memQueueSize = 0;
    Server server{config};
    TestLoop loop;
    Consumer consumer{*server, loop, "t", "c#ephemeral", 2};
    server.publish("t", numbered(3));
    CHECK(bodiesOf(consumer.take()) == numbered(2, 1));
    server.publish("t", {"no room"});
    CHECK(server.channel("t", "c#ephemeral").depth == 0);
    server.checkCounters();
}

TEST_CASE("dropping goes over what was emptied", "[broker][ephemeral]") {
    Server server{keepsFive()};
    TestLoop loop;
    Consumer consumer{*server, loop, "t", "c#ephemeral"};
    server.publish("t", numbered(4));
    REQUIRE(server->pauseTopic("t", true));
    server.publish("t", {"emptied", "emptied"});
    REQUIRE(server->emptyTopic("t"));
    server.publish("t", numbered(4, 4));
    REQUIRE(server->pauseTopic("t", false));
    CHECK(server.channel("t", "c#ephemeral").depth == 5);
    CHECK(server.channel("t", "c#ephemeral").droppedCount == 3);
    CHECK(bodiesOf(consumer.take()) == numbered(5, 3));
    server.checkCounters();
}

TEST_CASE("nothing ephemeral survives a restart", "[broker][ephemeral]") {
    Server server;
    TestLoop loop;
    server.publish("t#ephemeral", {"x"});
    REQUIRE(server->createTopic("t"));
    REQUIRE(server->createChannel("t", "c#ephemeral"));
    REQUIRE(server->createChannel("t", "c"));
    server.publish("t", {"y"});
    server.restart();
    CHECK_FALSE(server->hasTopic("t#ephemeral"));
    REQUIRE(server.topic("t").channels.size() == 1);
    CHECK(server.topic("t").channels[0].name == "c");
    CHECK(server.topic("t").channels[0].depth == 1);
    for (const auto& entry : std::filesystem::recursive_directory_iterator{server.path()}) {
        CHECK(entry.path().string().find('#') == std::string::npos);
    }
}

}  // namespace
}  // namespace nsq::test
