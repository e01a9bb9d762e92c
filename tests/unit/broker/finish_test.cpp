#include <catch2/catch.hpp>

#include "unit/broker/fixture.h"

namespace nsq::test {
namespace {

using sdk::ErrorCode;

TEST_CASE("finish tells which messages were not in flight here, and finishes the others",
          "[broker][finish]") {
    Server server;
    TestLoop loop;
    Consumer mine{*server, loop, "t", "c", 3};
    Consumer other{*server, loop, "t", "c", 3};
    server.publish("t", numbered(6));
    const auto messages = mine.take();
    REQUIRE(messages.size() == 3);
    const auto others = other.take();
    REQUIRE(others.size() == 3);
    const sdk::MessageId ids[] = {
        {messages[2].id}, {others[0].id}, {messages[0].id}, {12345}, {messages[2].id}};
    const auto failures = mine->finish(ids);
    REQUIRE(failures.size() == 3);
    CHECK(failures[0].index == 1);
    CHECK(failures[0].error.code == ErrorCode::kNotOwner);
    CHECK(failures[0].error.text == "client does not own message");
    CHECK(failures[1].index == 3);
    CHECK(failures[1].error.code == ErrorCode::kNotInFlight);
    CHECK(failures[1].error.text == "ID not in flight");
    CHECK(failures[2].index == 4);
    CHECK(failures[2].error.code == ErrorCode::kNotInFlight);
    CHECK(mine->inFlight() == 1);
    CHECK(other->inFlight() == 3);
    CHECK(server.channel("t", "c").finishCount == 2);
    server.checkCounters();
}

TEST_CASE("an id with the right number and another node's bits is not in flight", "[broker][finish]") {
    Server server;
    TestLoop loop;
    Consumer consumer{*server, loop, "t", "c"};
    server.publish("t", {"x"});
    const auto messages = consumer.take();
    REQUIRE(messages.size() == 1);
    const sdk::MessageId forged{messages[0].id ^ std::uint64_t{1} << 60};
    CHECK_FALSE(consumer.finish(forged.value));
    CHECK(consumer->requeue(forged, 0ms).error().code == ErrorCode::kNotInFlight);
    CHECK(consumer->touch(forged).error().code == ErrorCode::kNotInFlight);
    CHECK(consumer.finish(messages[0]));
}

TEST_CASE("messages from before node-id was changed are finished by the id they bear", "[broker][finish]") {
    Server server;
    server.publish("t", {"x"});
    REQUIRE(server->createChannel("t", "c"));
    server.stop();
    server.config().nodeId = 77;
    server.start();
    TestLoop loop;
    Consumer consumer{*server, loop, "t", "c"};
    const auto messages = consumer.take();
    REQUIRE(messages.size() == 1);
    CHECK(consumer.finish(messages[0]));
}

TEST_CASE("requeue gives a message back with one attempt more", "[broker][finish]") {
    Server server;
    TestLoop loop;
    Consumer consumer{*server, loop, "t", "c"};
    server.publish("t", {"x", "y"});
    auto messages = consumer.take();
    REQUIRE(messages.size() == 2);
    for (std::uint16_t attempt = 2; attempt < 6; ++attempt) {
        const std::uint64_t id = messages[0].id;
        REQUIRE(consumer->requeue({id}, 0ms));
        CHECK(consumer->requeue({id}, 0ms).error().code == ErrorCode::kNotInFlight);
        CHECK(server.channel("t", "c").depth == 1);
        CHECK(consumer->inFlight() == 1);
        messages = consumer.takeSome();
        REQUIRE(messages.size() == 1);
        CHECK(messages[0].id == id);
        CHECK(messages[0].body == "x");
        CHECK(messages[0].attempts == attempt);
        server.checkCounters();
    }
    CHECK(server.channel("t", "c").requeueCount == 4);
    REQUIRE(consumer.finish(messages[0]));
    CHECK(consumer->requeue({messages[0].id}, 0ms).error().code == ErrorCode::kNotInFlight);
    CHECK(server.channel("t", "c").requeueCount == 4);
}

TEST_CASE("attempts stop at the largest number that fits", "[broker][finish]") {
    Server server;
    TestLoop loop;
    Consumer consumer{*server, loop, "t", "c#ephemeral"};
    server.publish("t", {"x"});
    auto messages = consumer.take();
    for (int i = 0; i < 65'540; ++i) {
        if (!consumer->requeue({messages[0].id}, 0ms)) FAIL();
        std::vector<sdk::MessageRun> runs;
        if (consumer->take(SIZE_MAX, runs) != 1) FAIL();
        if (i > 65'530) messages = decode(runs[0].frames);
    }
    CHECK(messages[0].attempts == 65'535);
}

TEST_CASE("a message requeued by one consumer wakes another", "[broker][finish]") {
    Server server;
    TestLoop loop;
    Consumer first{*server, loop, "t", "c", 1};
    Consumer second{*server, loop, "t", "c", 1};
    server.publish("t", {"x"});
    const auto messages = first.take();
    REQUIRE(messages.size() == 1);
    CHECK(second.take().empty());
    first->setReady(0);
    REQUIRE(first->requeue({messages[0].id}, 0ms));
    loop.settle();
    CHECK(second.news >= 1);
    const auto again = second.take();
    REQUIRE(again.size() == 1);
    CHECK(again[0].attempts == 2);
    CHECK_FALSE(first.finish(again[0]));
    CHECK(second.finish(again[0]));
}

TEST_CASE("requeue and touch of somebody else's message are refused", "[broker][finish]") {
    Server server;
    TestLoop loop;
    Consumer owner{*server, loop, "t", "c"};
    Consumer other{*server, loop, "t", "c"};
    server.publish("t", {"x", "y"});
    const auto messages = owner.take();
    REQUIRE_FALSE(messages.empty());
    const sdk::MessageId id{messages[0].id};
    // Both as part of a run and, touched, alone.
    for (int i = 0; i < 2; ++i) {
        CHECK(other->requeue(id, 0ms).error().code == ErrorCode::kNotOwner);
        CHECK(other->touch(id).error().code == ErrorCode::kNotOwner);
        CHECK_FALSE(other.finish(id.value));
        REQUIRE(owner->touch(id));
    }
    CHECK(owner.finish(id.value));
    CHECK(owner->touch(id).error().code == ErrorCode::kNotInFlight);
    server.checkCounters();
}

TEST_CASE("the flights of a consumer that left belong to nobody", "[broker][finish]") {
    Server server;
    TestLoop loop;
    Consumer leaving{*server, loop, "t", "c"};
    server.publish("t", numbered(3));
    const auto messages = leaving.take();
    REQUIRE(messages.size() == 3);
    REQUIRE(leaving->touch({messages[1].id}));
    REQUIRE(leaving.finish(messages[2]));
    leaving.leave();
    CHECK(server.channel("t", "c").inFlightCount == 2);
    Consumer other{*server, loop, "t", "c"};
    CHECK(other.take().empty());
    const sdk::MessageId ids[] = {{messages[0].id}, {messages[1].id}, {messages[2].id}};
    const auto failures = other->finish(ids);
    REQUIRE(failures.size() == 3);
    CHECK(failures[0].error.code == ErrorCode::kNotOwner);
    CHECK(failures[1].error.code == ErrorCode::kNotOwner);
    CHECK(failures[2].error.code == ErrorCode::kNotInFlight);
    server.checkCounters();
}

TEST_CASE(
    "the newest messages stay in memory, however many are in flight or deferred; none when all are finished",
    "[broker][finish]") {
    constexpr std::int64_t kMost = 5 << 20;  // what a topic's newest messages take, and a little
    Server server;
    TestLoop loop;
    Consumer consumer{*server, loop, "t", "c", 100'000};
    for (int i = 0; i < 100; ++i) server.publish("t", Texts(100, std::string(1000, 'x')));
    auto messages = consumer.take();
    REQUIRE(messages.size() == 10'000);
    CHECK(server.topic("t").memoryBytes < kMost);
    for (std::size_t i = 0; i < 9'000; ++i) REQUIRE(consumer.finish(messages[i]));
    for (std::size_t i = 9'000; i < 10'000; ++i) REQUIRE(consumer->requeue({messages[i].id}, kLong));
    CHECK(server.topic("t").memoryBytes < kMost);
    REQUIRE(server->emptyChannel("t", "c"));
    CHECK(loop.runUntil([&] { return server.topic("t").memoryBytes == 0; }));
    server.checkCounters();
}

}  // namespace
}  // namespace nsq::test
