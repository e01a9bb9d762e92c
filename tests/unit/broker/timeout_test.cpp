#include <catch2/catch.hpp>

#include "unit/broker/fixture.h"

namespace nsq::test {
namespace {

using sdk::ErrorCode;

constexpr auto kShort = 40ms;

TEST_CASE("a message not finished in time comes back, not early", "[broker][timeout]") {
    Server server;
    TestLoop loop;
    Consumer consumer{*server, loop, "t", "c", 100, {kShort, 0}};
    server.publish("t", numbered(3));
    const Clock::time_point begin = Clock::now();
    const auto messages = consumer.take();
    REQUIRE(messages.size() == 3);
    REQUIRE(consumer.finish(messages[1]));
    const auto& again = consumer.receive(2);
    CHECK(Clock::now() - begin >= kShort);
    REQUIRE(bodiesOf(again) == Texts{"0", "2"});
    CHECK(again[0].attempts == 2);
    CHECK(again[0].id == messages[0].id);
    CHECK(server.channel("t", "c").timeoutCount == 2);
    CHECK(server.channel("t", "c").requeueCount == 0);
    server.checkCounters();
}

TEST_CASE("a timed out message is not in flight any more", "[broker][timeout]") {
    Server server;
    TestLoop loop;
    Consumer consumer{*server, loop, "t", "c", 100, {kShort, 0}};
    server.publish("t", {"x"});
    const auto messages = consumer.take();
    REQUIRE(messages.size() == 1);
    REQUIRE(loop.runUntil([&] { return server.channel("t", "c").timeoutCount == 1; }));
    CHECK(consumer->inFlight() == 0);
    const sdk::MessageId ids[] = {{messages[0].id}};
    const auto failures = consumer->finish(ids);
    REQUIRE(failures.size() == 1);
    CHECK(failures[0].error.code == ErrorCode::kNotInFlight);
    CHECK(server.channel("t", "c").depth == 1);
    CHECK(consumer.news >= 1);
    server.checkCounters();
}

TEST_CASE("a consumer that had all it was ready for is told when its time is out", "[broker][timeout]") {
    Server server;
    TestLoop loop;
    Consumer consumer{*server, loop, "t", "c", 1, {20ms, 0}};
    server.publish("t", {"x"});
    const bool touched = GENERATE(false, true);
    const auto messages = consumer.take();
    REQUIRE(messages.size() == 1);
    if (touched) REQUIRE(consumer->touch({messages[0].id}));
    loop.settle();
    const int before = consumer.news;
    CHECK(loop.runUntil([&] { return consumer.news > before; }, 5s));
    CHECK(consumer.take().size() == 1);
}

TEST_CASE("messages time out again and again", "[broker][timeout]") {
    Server server;
    TestLoop loop;
    Consumer consumer{*server, loop, "t", "c", 100, {20ms, 0}};
    server.publish("t", {"x"});
    const auto& messages = consumer.receive(4);
    for (std::size_t i = 0; i < 4; ++i) CHECK(messages[i].attempts == i + 1);
    CHECK(server.channel("t", "c").timeoutCount == 3);
    CHECK(consumer.finish(messages[3]));
}

TEST_CASE("what a consumer had when it left comes back to the others when its time is out",
          "[broker][timeout]") {
    Server server;
    TestLoop loop;
    Consumer stays{*server, loop, "t", "c", 100, {kLong, 0}};
    Consumer leaves{*server, loop, "t", "c", 100, {kShort, 0}};
    server.publish("t", numbered(300));
    stays->setReady(0);
    leaves->setReady(1000);
    const Clock::time_point begin = Clock::now();
    REQUIRE(leaves.take().size() == 300);
    leaves.leave();
    CHECK(server.channel("t", "c").inFlightCount == 300);
    stays->setReady(1000);
    CHECK(bodiesOf(stays.receive(300)) == numbered(300));
    CHECK(Clock::now() - begin >= kShort);
    CHECK(server.channel("t", "c").timeoutCount == 300);
    server.checkCounters();
}

TEST_CASE("touch gives a message its time again, up to max-msg-timeout", "[broker][timeout]") {
    broker::BrokerConfig config;
    config.maxMsgTimeout = 150ms;
    Server server{config};
    TestLoop loop;
    Consumer consumer{*server, loop, "t", "c", 100, {60ms, 0}};
    server.publish("t", {"x", "y"});
    const Clock::time_point begin = Clock::now();
    const auto messages = consumer.take();
    REQUIRE(messages.size() == 2);
    Clock::time_point untouchedGone{};
    bool touched = true;
    REQUIRE(loop.runUntil([&] {
        const std::uint64_t timeouts = server.channel("t", "c").timeoutCount;
        if (timeouts == 1 && untouchedGone == Clock::time_point{}) untouchedGone = Clock::now();
        if (timeouts < 2) touched = static_cast<bool>(consumer->touch({messages[0].id})) && touched;
        return timeouts == 2;
    }));
    // "x" was touched all the time and still ended; "y" had ended long before.
    CHECK(Clock::now() - begin >= 150ms);
    CHECK(untouchedGone - begin >= 60ms);
    CHECK(untouchedGone < Clock::now() - 20ms);
    server.checkCounters();
}

TEST_CASE("a touched message that is finished stays finished", "[broker][timeout]") {
    Server server;
    TestLoop loop;
    Consumer consumer{*server, loop, "t", "c", 100, {kShort, 0}};
    server.publish("t", {"x", "y"});
    const auto messages = consumer.take();
    REQUIRE(messages.size() == 2);
    REQUIRE(consumer->touch({messages[0].id}));
    REQUIRE(consumer.finish(messages[0]));
    CHECK(consumer->inFlight() == 1);
    REQUIRE(loop.runUntil([&] { return server.channel("t", "c").timeoutCount == 1; }));
    CHECK(bodiesOf(consumer.take()) == Texts{"y"});
    server.checkCounters();
}

TEST_CASE("a deferred publish is delivered at its time, in the order of times", "[broker][timeout]") {
    Server server;
    TestLoop loop;
    Consumer consumer{*server, loop, "t", "c"};
    const Clock::time_point begin = Clock::now();
    server.publish("t", {"last"}, 90ms);
    server.publish("t", {"first"}, 30ms);
    server.publish("t", {"second"}, 60ms);
    CHECK(consumer.take().empty());
    const sdk::ChannelStats stats = server.channel("t", "c");
    CHECK(stats.deferredCount == 3);
    CHECK(stats.depth == 0);
    CHECK(stats.messageCount == 3);
    CHECK(bodiesOf(consumer.receive(1)) == Texts{"first"});
    CHECK(Clock::now() - begin >= 30ms);
    CHECK(consumer.received[0].attempts == 1);
    CHECK(bodiesOf(consumer.receive(3)) == Texts{"first", "second", "last"});
    CHECK(Clock::now() - begin >= 90ms);
    CHECK(server.channel("t", "c").timeoutCount == 0);
    server.checkCounters();
}

TEST_CASE("a deferred publish reaches every channel", "[broker][timeout]") {
    Server server;
    TestLoop loop;
    Consumer a{*server, loop, "t", "a"};
    Consumer b{*server, loop, "t", "b"};
    server.publish("t", {"x", "y"}, 20ms);
    CHECK(bodiesOf(a.receive(2)) == Texts{"x", "y"});
    CHECK(bodiesOf(b.receive(2)) == Texts{"x", "y"});
    for (const ReadMessage& message : a.received) CHECK(a.finish(message));
    REQUIRE(b->requeue({b.received[0].id}, 0ms));
    CHECK(b.receive(3)[2].attempts == 2);
    server.checkCounters();
}

TEST_CASE("a requeue with a delay waits for it", "[broker][timeout]") {
    Server server;
    TestLoop loop;
    Consumer consumer{*server, loop, "t", "c"};
    server.publish("t", {"x"});
    const auto messages = consumer.take();
    REQUIRE(messages.size() == 1);
    const Clock::time_point begin = Clock::now();
    REQUIRE(consumer->requeue({messages[0].id}, kShort));
    CHECK(server.channel("t", "c").deferredCount == 1);
    CHECK(server.channel("t", "c").requeueCount == 1);
    CHECK_FALSE(consumer.finish(messages[0]));
    const auto& again = consumer.receive(1);
    CHECK(Clock::now() - begin >= kShort);
    CHECK(again[0].body == "x");
    CHECK(again[0].attempts == 2);
    CHECK(server.channel("t", "c").timeoutCount == 0);
    server.checkCounters();
}

TEST_CASE("an earlier deadline is met though a later one was set before", "[broker][timeout]") {
    Server server;
    TestLoop loop;
    Consumer slow{*server, loop, "t", "c", 1, {kLong, 0}};
    Consumer quick{*server, loop, "t", "c", 1, {kShort, 0}};
    server.publish("t", {"a", "b", "c"});
    REQUIRE(slow.take().size() == 1);
    server.publish("t", {"deferred"}, kLong);
    REQUIRE(quick.take().size() == 1);
    CHECK(loop.runUntil([&] { return server.channel("t", "c").timeoutCount == 1; }, 5s));
    server.publish("t", {"soon"}, 20ms);
    CHECK(loop.runUntil([&] { return server.channel("t", "c").deferredCount == 1; }, 5s));
}

TEST_CASE("a paused channel keeps what times out until it goes on", "[broker][timeout]") {
    Server server;
    TestLoop loop;
    Consumer consumer{*server, loop, "t", "c", 100, {20ms, 0}};
    server.publish("t", {"x"});
    server.publish("t", {"y"}, 20ms);
    REQUIRE(consumer.take().size() == 1);
    REQUIRE(server->pauseChannel("t", "c", true));
    REQUIRE(loop.runUntil([&] { return server.channel("t", "c").depth == 2; }));
    CHECK(consumer.take().empty());
    REQUIRE(server->pauseChannel("t", "c", false));
    loop.settle();
    CHECK(consumer.news >= 1);
    CHECK(consumer.take().size() == 2);
    server.checkCounters();
}

}  // namespace
}  // namespace nsq::test
