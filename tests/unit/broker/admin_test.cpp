#include <catch2/catch.hpp>

#include <fstream>

#include "storage/topic_directory.h"
#include "unit/broker/fixture.h"

namespace nsq::test {
namespace {

using sdk::ErrorCode;

TEST_CASE("a paused topic keeps its messages from its channels", "[broker][admin]") {
    Server server;
    TestLoop loop;
    Consumer consumer{*server, loop, "t", "c"};
    CHECK(consumer.take().empty());
    REQUIRE(server->pauseTopic("t", true));
    CHECK(server.topic("t").paused);
    server.publish("t", numbered(3));
    server.publish("t", {"deferred"}, kLong);
    loop.settle();
    CHECK(consumer.news == 0);
    CHECK(consumer.take().empty());
    CHECK(server.topic("t").depth == 4);
    CHECK(server.channel("t", "c").messageCount == 0);
    Consumer later{*server, loop, "t", "later"};
    REQUIRE(server->pauseTopic("t", false));
    loop.settle();
    CHECK(consumer.news == 1);
    CHECK(bodiesOf(consumer.take()) == numbered(3));
    CHECK(bodiesOf(later.take()) == numbered(3));
    CHECK(server.topic("t").depth == 0);
    CHECK(server.channel("t", "c").deferredCount == 1);
    server.checkCounters();
}

TEST_CASE("a paused channel delivers nothing, and goes on where it was", "[broker][admin]") {
    Server server;
    TestLoop loop;
    Consumer paused{*server, loop, "t", "paused"};
    Consumer other{*server, loop, "t", "other"};
    REQUIRE(server->pauseChannel("t", "paused", true));
    CHECK(server.channel("t", "paused").paused);
    server.publish("t", numbered(3));
    loop.settle();
    CHECK(paused.take().empty());
    CHECK(bodiesOf(other.take()) == numbered(3));
    CHECK(server.channel("t", "paused").depth == 3);
    const int before = paused.news;
    REQUIRE(server->pauseChannel("t", "paused", false));
    loop.settle();
    CHECK(paused.news == before + 1);
    CHECK(bodiesOf(paused.take()) == numbered(3));
    server.checkCounters();
}

TEST_CASE("emptying a channel drops all it has, in flight and deferred too", "[broker][admin]") {
    Server server;
    TestLoop loop;
    Consumer consumer{*server, loop, "t", "c", 4};
    Consumer other{*server, loop, "t", "other"};
    server.publish("t", numbered(10));
    server.publish("t", {"deferred"}, kLong);
    const auto messages = consumer.take();
    REQUIRE(messages.size() == 4);
    REQUIRE(consumer->touch({messages[0].id}));
    REQUIRE(consumer->requeue({messages[1].id}, 0ms));
    REQUIRE(consumer->requeue({messages[2].id}, kLong));
    REQUIRE(server->emptyChannel("t", "c"));
    const sdk::ChannelStats stats = server.channel("t", "c");
    CHECK(stats.depth == 0);
    CHECK(stats.inFlightCount == 0);
    CHECK(stats.deferredCount == 0);
    CHECK(stats.droppedCount == 11);
    CHECK(consumer->inFlight() == 0);
    for (const ReadMessage& message : messages) CHECK_FALSE(consumer.finish(message));
    CHECK(other.take().size() == 10);
    // The consumer goes on with what comes now.
    server.publish("t", numbered(5, 100));
    loop.settle();
    CHECK(consumer.news >= 1);
    CHECK(bodiesOf(consumer.take()) == numbered(4, 100));
    server.checkCounters();
}

TEST_CASE("emptying a topic drops only what its channels do not have yet", "[broker][admin]") {
    Server server;
    TestLoop loop;
    Consumer consumer{*server, loop, "t", "c"};
    server.publish("t", {"kept"});
    REQUIRE(server->emptyTopic("t"));
    CHECK(server.channel("t", "c").depth == 1);
    server.publish("u", numbered(5));
    server.publish("u", {"deferred"}, kLong);
    CHECK(server.topic("u").depth == 6);
    REQUIRE(server->emptyTopic("u"));
    CHECK(server.topic("u").depth == 0);
    server.publish("u", {"new"});
    Consumer first{*server, loop, "u", "c"};
    CHECK(bodiesOf(first.take()) == Texts{"new"});
    CHECK(server.channel("u", "c").deferredCount == 0);
    server.checkCounters();
}

TEST_CASE("channels jump over what was emptied while the topic was paused", "[broker][admin]") {
    Server server;
    TestLoop loop;
    Consumer behind{*server, loop, "t", "behind", 1};
    Consumer ahead{*server, loop, "t", "ahead"};
    server.publish("t", numbered(10));
    CHECK(ahead.take().size() == 10);
    const auto first = behind.take();
    REQUIRE(first.size() == 1);
    for (int round = 0; round < 3; ++round) {
        REQUIRE(server->pauseTopic("t", true));
        server.publish("t", {"emptied", "emptied"});
        server.publish("t", {"emptied"}, kLong);
        REQUIRE(server->emptyTopic("t"));
        CHECK(server.topic("t").depth == 0);
        REQUIRE(server->emptyTopic("t"));
        server.publish("t", {"after " + std::to_string(round)});
        REQUIRE(server->pauseTopic("t", false));
    }
    CHECK(server.channel("t", "behind").depth == 12);
    CHECK(server.channel("t", "ahead").depth == 3);
    const Texts after{"after 0", "after 1", "after 2"};
    CHECK(bodiesOf(ahead.take()) == after);
    REQUIRE(behind.finish(first[0]));
    behind->setReady(4);
    Texts got;
    while (server.channel("t", "behind").depth > 0) {
        for (const ReadMessage& message : behind.take()) {
            got.push_back(message.body);
            REQUIRE(behind.finish(message));
        }
    }
    Texts expected = numbered(9, 1);
    expected.insert(expected.end(), after.begin(), after.end());
    CHECK(got == expected);
    server.checkCounters();
}

TEST_CASE("emptying a channel that has emptied stretches ahead takes them with it", "[broker][admin]") {
    Server server;
    TestLoop loop;
    Consumer consumer{*server, loop, "t", "c"};
    server.publish("t", numbered(3));
    REQUIRE(server->pauseTopic("t", true));
    server.publish("t", {"emptied"});
    REQUIRE(server->emptyTopic("t"));
    server.publish("t", {"waits"});
    REQUIRE(server->emptyChannel("t", "c"));
    CHECK(server.channel("t", "c").depth == 0);
    CHECK(server.channel("t", "c").droppedCount == 3);
    REQUIRE(server->pauseTopic("t", false));
    CHECK(bodiesOf(consumer.take()) == Texts{"waits"});
    server.checkCounters();
}

TEST_CASE("deleting a channel closes its subscriptions, once, and nothing works any more",
          "[broker][admin]") {
    Server server;
    TestLoop loop;
    Consumer consumer{*server, loop, "t", "c", 3};
    Consumer second{*server, loop, "t", "c", 3};
    Consumer other{*server, loop, "t", "other"};
    server.publish("t", numbered(10));
    const auto messages = consumer.take();
    REQUIRE(messages.size() == 3);
    REQUIRE(consumer->touch({messages[2].id}));
    REQUIRE(server->deleteChannel("t", "c"));
    loop.settle();
    CHECK(consumer.closed == 1);
    CHECK(second.closed == 1);
    CHECK(other.closed == 0);
    CHECK(consumer.take().empty());
    CHECK_FALSE(consumer.finish(messages[0]));
    CHECK_FALSE(consumer->requeue({messages[1].id}, 0ms));
    CHECK_FALSE(consumer->requeue({messages[1].id}, kLong));
    CHECK_FALSE(consumer->touch({messages[2].id}));
    CHECK(consumer->inFlight() == 0);
    consumer->setReady(10);
    server.publish("t", {"more"});
    loop.settle();
    CHECK(consumer.closed == 1);
    CHECK(second.news == 0);
    CHECK(other.take().size() == 11);
    consumer.leave();
    CHECK(server->stats({"t", "c"}).at(0).channels.empty());
    server.checkCounters();
}

TEST_CASE("a deleted channel holds no messages, however long its consumers stay", "[broker][admin]") {
    Server server;
    TestLoop loop;
    Consumer consumer{*server, loop, "t", "c", 1000};
    for (int i = 0; i < 30; ++i) server.publish("t", Texts(100, std::string(1000, 'x')));
    CHECK(consumer.take().size() == 1000);
    REQUIRE(server->deleteChannel("t", "c"));
    CHECK(loop.runUntil([&] { return server.topic("t").memoryBytes == 0; }));
}

TEST_CASE("deleting a topic closes the subscriptions of all its channels", "[broker][admin]") {
    Server server;
    TestLoop loop;
    Consumer a{*server, loop, "t", "a"};
    Consumer b{*server, loop, "t", "b"};
    Consumer elsewhere{*server, loop, "u", "a"};
    server.publish("t", numbered(3));
    REQUIRE(server->deleteTopic("t"));
    CHECK_FALSE(server->hasTopic("t"));
    loop.settle();
    CHECK(a.closed == 1);
    CHECK(b.closed == 1);
    CHECK(elsewhere.closed == 0);
    CHECK(server->deleteTopic("t").error().code == ErrorCode::kTopicNotFound);
    Consumer again{*server, loop, "t", "a"};
    CHECK(again.take().empty());
    server.publish("t", {"new"});
    CHECK(bodiesOf(again.take()) == Texts{"new"});
}

TEST_CASE("deleted topics and channels leave no files", "[broker][admin]") {
    Server server;
    REQUIRE(server->createTopic("t"));
    REQUIRE(server->createChannel("t", "a"));
    REQUIRE(server->createChannel("t", "b"));
    server.publish("t", numbered(3));
    server.restart();
    const std::filesystem::path directory = storage::topicDirectory(server.path(), "t");
    CHECK(std::filesystem::exists(directory));
    REQUIRE(server->deleteChannel("t", "a"));
    REQUIRE(server->deleteTopic("t"));
    CHECK(std::filesystem::is_empty(server.path() / "topics"));
    server.restart();
    CHECK(server->stats({}).empty());
}

TEST_CASE("an administrative change survives a crash, and soon is in nsqd.dat", "[broker][admin]") {
    Server server;
    TestLoop loop;
    const auto crash = [&] {
        server.crash();
        server.start();
    };
    const auto soon = [&](auto condition) {
        return loop.runUntil([&] {
            std::string warning;
            const auto metadata = storage::readMetadata(server.path() / "nsqd.dat", warning);
            REQUIRE(metadata);
            CHECK(warning.empty());
            return condition(metadata.value().topics);
        });
    };
    REQUIRE(server->createTopic("t"));
    REQUIRE(server->createTopic("e#ephemeral"));
    CHECK(soon([](const auto& topics) { return topics.size() == 1 && topics[0].name == "t"; }));
    REQUIRE(server->createChannel("t", "c"));
    REQUIRE(server->createChannel("t", "e#ephemeral"));
    crash();
    CHECK(server.channel("t", "c").depth == 0);
    CHECK(server.topic("t").channels.size() == 1);
    CHECK_FALSE(server->hasTopic("e#ephemeral"));
    REQUIRE(server->pauseTopic("t", true));
    REQUIRE(server->pauseChannel("t", "c", true));
    CHECK(soon([](const auto& topics) { return topics[0].paused && topics[0].channels[0].paused; }));
    crash();
    CHECK(server.topic("t").paused);
    CHECK(server.channel("t", "c").paused);
    REQUIRE(server->pauseTopic("t", false));
    REQUIRE(server->pauseChannel("t", "c", false));
    crash();
    CHECK_FALSE(server.topic("t").paused);
    CHECK_FALSE(server.channel("t", "c").paused);
    REQUIRE(server->deleteChannel("t", "c"));
    crash();
    CHECK(server.topic("t").channels.empty());
    REQUIRE(server->deleteTopic("t"));
    crash();
    CHECK_FALSE(server->hasTopic("t"));
    CHECK(soon([](const auto& topics) { return topics.empty(); }));
}

TEST_CASE("nsqd.dat that cannot be written is not well, and recovers by itself", "[broker][admin]") {
    Server server;
    TestLoop loop;
    const std::filesystem::path blocker = server.path() / "nsqd.dat.tmp";
    std::filesystem::create_directory(blocker);
    // The topic's own files know it.
    REQUIRE(server->createTopic("t"));
    CHECK(loop.runUntil([&] { return !server->health().ok(); }));
    CHECK(server->health().error().text.find("nsqd.dat.tmp") != std::string::npos);
    server.publish("t", {"x"});
    std::filesystem::remove(blocker);
    CHECK(loop.runUntil([&] { return server->health().ok(); }));
    std::string warning;
    CHECK(storage::readMetadata(server.path() / "nsqd.dat", warning).value().topics.size() == 1);
}

TEST_CASE("a topic whose files cannot be made is an error, and no topic", "[broker][admin]") {
    Server server;
    const std::filesystem::path blocker = storage::topicDirectory(server.path(), "t");
    std::ofstream{blocker} << "in the way";
    const auto created = server->createTopic("t");
    REQUIRE_FALSE(created);
    CHECK(created.error().code == ErrorCode::kStorage);
    CHECK(created.error().text.find(blocker.string()) != std::string::npos);
    CHECK_FALSE(server->hasTopic("t"));
    std::filesystem::remove(blocker);
    CHECK(server->createTopic("t"));
}

}  // namespace
}  // namespace nsq::test
