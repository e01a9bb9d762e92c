#include <catch2/catch.hpp>

#include <map>

#include "unit/broker/fixture.h"

namespace nsq::test {
namespace {

using sdk::ErrorCode;

TEST_CASE("a consumer gets as many messages as its RDY allows", "[broker][delivery]") {
    Server server;
    TestLoop loop;
    Consumer consumer{*server, loop, "t", "c", 0};
    server.publish("t", numbered(10));
    loop.settle();
    CHECK(consumer.news == 0);
    CHECK(consumer.take().empty());
    consumer->setReady(3);
    CHECK(consumer->ready() == 3);
    loop.settle();
    CHECK(consumer.news == 1);
    const auto first = consumer.take();
    CHECK(bodiesOf(first) == Texts{"0", "1", "2"});
    CHECK(consumer->inFlight() == 3);
    CHECK(consumer.take().empty());
    REQUIRE(consumer.finish(first[1]));
    CHECK(bodiesOf(consumer.take()) == Texts{"3"});
    consumer->setReady(1);
    CHECK(consumer.take().empty());
    consumer->setReady(5);
    CHECK(bodiesOf(consumer.take()) == Texts{"4", "5"});
    const sdk::ChannelStats stats = server.channel("t", "c");
    CHECK(stats.inFlightCount == 5);
    CHECK(stats.depth == 4);
    CHECK(stats.messageCount == 10);
    CHECK(stats.finishCount == 1);
    CHECK(stats.clientCount == 1);
    server.checkCounters();
}

TEST_CASE("a take keeps to its bytes, but gives one message at least", "[broker][delivery]") {
    Server server;
    TestLoop loop;
    Consumer consumer{*server, loop, "t", "c"};
    const std::size_t frame = sdk::frame::kBodyOffset + 100;
    server.publish("t", Texts(10, std::string(100, 'x')));
    CHECK(consumer.take(0).empty());
    CHECK(consumer.take(1).size() == 1);
    CHECK(consumer.take(2 * frame - 1).size() == 1);
    CHECK(consumer.take(3 * frame).size() == 3);
    CHECK(consumer.take(SIZE_MAX).size() == 5);
}

TEST_CASE("only the first message of a take may be larger than its bytes", "[broker][delivery]") {
    Server server;
    TestLoop loop;
    Consumer consumer{*server, loop, "t", "c"};
    // In batches of their own, fresh; and then redelivered.
    server.publish("t", {"small"});
    server.publish("t", {std::string(10'000, 'L')});
    server.publish("t", {"small"});
    CHECK(consumer.take(1000).size() == 1);
    const auto large = consumer.take(1000);
    REQUIRE(large.size() == 1);
    CHECK(large[0].body.size() == 10'000);
    REQUIRE(consumer->requeue({large[0].id}, 0ms));
    server.publish("t", {"small"});
    server.publish("t", {std::string(10'000, 'L')});
    // Waiting: a small and a large fresh one, and a large one to be redelivered.
    for (int i = 0; i < 4; ++i) {
        std::size_t bytes = 0;
        const auto taken = consumer.take(1000);
        REQUIRE_FALSE(taken.empty());
        for (const ReadMessage& message : taken) bytes += message.body.size();
        CHECK((taken.size() == 1 || bytes < 1000));
        if (server.channel("t", "c").depth == 0) break;
    }
    CHECK(server.channel("t", "c").depth == 0);
}

TEST_CASE("news come once until the consumer takes", "[broker][delivery]") {
    Server server;
    TestLoop loop;
    Consumer consumer{*server, loop, "t", "c"};
    CHECK(consumer.take().empty());
    for (int i = 0; i < 5; ++i) {
        server.publish("t", {"x"});
        loop.settle();
    }
    CHECK(consumer.news == 1);
    CHECK(consumer.take().size() == 5);
    server.publish("t", {"y"});
    loop.settle();
    CHECK(consumer.news == 2);
}

TEST_CASE("who has set RDY and never took is told all the same", "[broker][delivery]") {
    Server server;
    TestLoop loop;
    Consumer consumer{*server, loop, "t", "c", 1};
    loop.settle();
    CHECK(consumer.news == 0);
    server.publish("t", {"x"});
    loop.settle();
    CHECK(consumer.news == 1);
    CHECK(consumer.take().size() == 1);
}

TEST_CASE("a run longer than a block of bits comes whole and finishes in any order", "[broker][delivery]") {
    Server server;
    TestLoop loop;
    Consumer consumer{*server, loop, "t", "c", 5000};
    server.publish("t", numbered(2000));
    auto messages = consumer.take();
    REQUIRE(bodiesOf(messages) == numbered(2000));
    for (std::size_t i = 0; i < messages.size(); ++i) {
        const std::size_t mixed = i * 1237 % messages.size();
        REQUIRE(consumer.finish(messages[mixed]));
        REQUIRE_FALSE(consumer.finish(messages[mixed]));
    }
    CHECK(consumer->inFlight() == 0);
    CHECK(server.channel("t", "c").finishCount == 2000);
    server.checkCounters();
}

TEST_CASE("waiting consumers share a burst", "[broker][delivery]") {
    Server server;
    TestLoop loop;
    std::vector<std::unique_ptr<Consumer>> consumers;
    for (int i = 0; i < 4; ++i) {
        consumers.push_back(std::make_unique<Consumer>(*server, loop, "t", "c"));
        consumers.back()->automatic = true;
        CHECK(consumers.back()->take().empty());
    }
    server.publish("t", numbered(100));
    loop.settle();
    std::map<std::string, int> seen;
    std::vector<std::size_t> before;
    for (const auto& consumer : consumers) {
        CHECK(consumer->received.size() >= 10);
        before.push_back(consumer->received.size());
        for (const ReadMessage& message : consumer->received) ++seen[message.body];
    }
    CHECK(seen.size() == 100);
    // One at a time they take turns.
    for (int i = 0; i < 40; ++i) {
        server.publish("t", {"more"});
        loop.settle();
    }
    for (std::size_t i = 0; i < 4; ++i) CHECK(consumers[i]->received.size() == before[i] + 10);
}

TEST_CASE("a consumer that cannot take passes the news on", "[broker][delivery]") {
    Server server;
    TestLoop loop;
    Consumer full{*server, loop, "t", "c"};
    Consumer leaving{*server, loop, "t", "c"};
    Consumer stopped{*server, loop, "t", "c"};
    Consumer idle{*server, loop, "t", "c"};
    for (Consumer* consumer : {&full, &leaving, &stopped, &idle}) CHECK(consumer->take().empty());
    server.publish("t", {"x"});
    loop.settle();
    REQUIRE(full.news == 1);
    CHECK(full.take(0).empty());  // no room in its output
    loop.settle();
    REQUIRE(leaving.news == 1);
    leaving.leave();
    loop.settle();
    REQUIRE(stopped.news == 1);
    stopped->setReady(0);
    CHECK(stopped.take().empty());
    loop.settle();
    REQUIRE(idle.news == 1);
    CHECK(bodiesOf(idle.take()) == Texts{"x"});
}

TEST_CASE("a consumer that is told and goes in the same turn is not called", "[broker][delivery]") {
    Server server;
    TestLoop loop;
    auto consumer = std::make_unique<Consumer>(*server, loop, "t", "c");
    CHECK(consumer->take().empty());
    server.publish("t", {"x"});
    consumer.reset();  // with its task queued
    CHECK_FALSE(loop.turn());
    Consumer other{*server, loop, "t", "c"};
    CHECK(other.take().size() == 1);
}

TEST_CASE("every channel gets every message, at its own pace", "[broker][delivery]") {
    Server server;
    TestLoop loop;
    Consumer a{*server, loop, "t", "a"};
    Consumer b{*server, loop, "t", "b", 2};
    server.publish("t", numbered(5));
    CHECK(bodiesOf(a.take()) == numbered(5));
    CHECK(bodiesOf(b.take()) == numbered(2));
    Consumer late{*server, loop, "t", "late"};
    server.publish("t", {"5"});
    CHECK(bodiesOf(a.take()) == Texts{"5"});
    CHECK(bodiesOf(late.take()) == Texts{"5"});
    CHECK(server.channel("t", "late").messageCount == 1);
    CHECK(server.channel("t", "b").depth == 4);
    CHECK(server.topic("t").depth == 0);
    server.checkCounters();
}

TEST_CASE("the first channel gets all that a topic without channels has kept", "[broker][delivery]") {
    Server server;
    TestLoop loop;
    server.publish("t", numbered(3));
    server.publish("t", {"deferred"}, kLong);
    CHECK(server.topic("t").depth == 4);
    Consumer first{*server, loop, "t", "first"};
    Consumer second{*server, loop, "t", "second"};
    CHECK(bodiesOf(first.take()) == numbered(3));
    CHECK(second.take().empty());
    CHECK(server.channel("t", "first").deferredCount == 1);
    CHECK(server.channel("t", "second").messageCount == 0);
    CHECK(server.topic("t").depth == 0);
    server.checkCounters();
}

TEST_CASE("a topic whose last channel was deleted keeps what comes after", "[broker][delivery]") {
    Server server;
    TestLoop loop;
    REQUIRE(server->createTopic("t"));
    REQUIRE(server->createChannel("t", "c"));
    server.publish("t", {"old"});
    REQUIRE(server->deleteChannel("t", "c"));
    server.publish("t", {"new"});
    CHECK(server.topic("t").depth == 1);
    Consumer consumer{*server, loop, "t", "c"};
    CHECK(bodiesOf(consumer.take()) == Texts{"new"});
}

TEST_CASE("max-channel-consumers is kept", "[broker][delivery]") {
    broker::BrokerConfig config;
    config.maxChannelConsumers = 2;
    Server server{config};
    TestLoop loop;
    struct Listener final : sdk::SubscriptionListener {
        void onMessagesReady() override {}
        void onSubscriptionClosed() override {}
    } listener;
    Consumer first{*server, loop, "t", "c"};
    Consumer second{*server, loop, "t", "c"};
    const auto third = server->subscribe("t", "c", {kLong, 0}, loop, listener);
    REQUIRE_FALSE(third);
    CHECK(third.error().code == ErrorCode::kTooManyConsumers);
    CHECK(third.error().text == "consumers for t:c exceeds limit of 2");
    Consumer elsewhere{*server, loop, "t", "d"};
    second.leave();
    CHECK(server->subscribe("t", "c", {kLong, 0}, loop, listener));
    CHECK(server.channel("t", "c").clientCount == 1);
}

TEST_CASE("names that are not valid are refused, and nothing is made", "[broker][delivery]") {
    Server server;
    TestLoop loop;
    struct Listener final : sdk::SubscriptionListener {
        void onMessagesReady() override {}
        void onSubscriptionClosed() override {}
    } listener;
    CHECK(server->subscribe("a b", "c", {kLong, 0}, loop, listener).error().code == ErrorCode::kBadTopic);
    CHECK(server->subscribe("a", "c d", {kLong, 0}, loop, listener).error().code == ErrorCode::kBadChannel);
    CHECK_FALSE(server->hasTopic("a"));
    CHECK(server->createTopic("").error().code == ErrorCode::kBadTopic);
    CHECK(server->createTopic(std::string(65, 'x')).error().code == ErrorCode::kBadTopic);
    REQUIRE(server->createTopic("a"));
    REQUIRE(server->createTopic("a"));
    CHECK(server->createChannel("a", "").error().code == ErrorCode::kBadChannel);
    for (const auto& result :
         {server->deleteTopic("x"), server->emptyTopic("x"), server->pauseTopic("x", true),
          server->createChannel("x", "c"), server->deleteChannel("x", "c"), server->emptyChannel("x", "c"),
          server->pauseChannel("x", "c", true)}) {
        REQUIRE_FALSE(result);
        CHECK(result.error().code == ErrorCode::kTopicNotFound);
    }
    for (const auto& result : {server->deleteChannel("a", "c"), server->emptyChannel("a", "c"),
                               server->pauseChannel("a", "c", true)}) {
        REQUIRE_FALSE(result);
        CHECK(result.error().code == ErrorCode::kChannelNotFound);
    }
}

TEST_CASE("a sampling consumer gets about its share, the rest is dropped and counted", "[broker][delivery]") {
    Server server;
    TestLoop loop;
    Consumer consumer{*server, loop, "t", "c", 10'000, {kLong, 25}};
    server.publish("t", numbered(8000));
    std::size_t got = 0;
    for (int i = 0; i < 100; ++i) got += consumer.take().size();
    // 2000 on average; the standard deviation is 39.
    CHECK(got > 1700);
    CHECK(got < 2300);
    const sdk::ChannelStats stats = server.channel("t", "c");
    CHECK(stats.depth == 0);
    CHECK(stats.droppedCount == 8000 - got);
    CHECK(stats.inFlightCount == static_cast<std::int64_t>(got));
    server.checkCounters();
}

TEST_CASE("fresh and redelivered messages do not starve each other", "[broker][delivery]") {
    Server server;
    TestLoop loop;
    Consumer consumer{*server, loop, "t", "c", 1};
    server.publish("t", numbered(100));
    bool redelivered = false;
    for (int i = 0; i < 10; ++i) {
        const auto taken = consumer.take();
        REQUIRE(taken.size() == 1);
        // The first one comes back again and again; others must get through.
        if (taken[0].body == "0") {
            redelivered = redelivered || taken[0].attempts > 1;
            REQUIRE(consumer->requeue({taken[0].id}, 0ms));
        } else {
            REQUIRE(consumer.finish(taken[0]));
        }
    }
    CHECK(redelivered);
    CHECK(server.channel("t", "c").finishCount >= 4);
    server.checkCounters();
}

TEST_CASE("stats are sorted and filtered", "[broker][delivery]") {
    Server server;
    for (const char* name : {"b", "a", "c"}) REQUIRE(server->createTopic(name));
    for (const char* name : {"y", "x"}) REQUIRE(server->createChannel("b", name));
    const auto all = server->stats({});
    REQUIRE(all.size() == 3);
    CHECK(all[0].name == "a");
    CHECK(all[2].name == "c");
    REQUIRE(all[1].channels.size() == 2);
    CHECK(all[1].channels[0].name == "x");
    CHECK(server->stats({"b", "y"}).at(0).channels.size() == 1);
    CHECK(server->stats({"b", "none"}).at(0).channels.empty());
    CHECK(server->stats({"none", ""}).empty());
    CHECK(server->health());
}

}  // namespace
}  // namespace nsq::test
