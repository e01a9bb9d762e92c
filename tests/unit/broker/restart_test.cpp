#include <catch2/catch.hpp>

#include <algorithm>
#include <set>

#include "storage/file_io.h"
#include "storage/topic_directory.h"
#include "unit/broker/fixture.h"

namespace nsq::test {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> segmentsOf(const Server& server, const std::string& topic) {
    std::vector<fs::path> paths;
    for (const auto& entry : fs::directory_iterator{storage::topicDirectory(server.path(), topic)}) {
        if (entry.path().extension() == ".log") paths.push_back(entry.path());
    }
    std::ranges::sort(paths);
    return paths;
}

TEST_CASE("channels are restored where they were", "[broker][restart]") {
    Server server;
    TestLoop loop;
    {
        Consumer a{*server, loop, "t", "a", 15};
        Consumer b{*server, loop, "t", "b", 70};
        REQUIRE(server->createChannel("t", "all"));
        for (std::size_t i = 0; i < 10; ++i) server.publish("t", numbered(10, i * 10));
        for (const ReadMessage& message : a.take()) REQUIRE(a.finish(message));
        for (const ReadMessage& message : b.take()) REQUIRE(b.finish(message));
        REQUIRE(server->createChannel("t", "end"));
    }
    for (int round = 0; round < 2; ++round) {
        server.restart();
        CHECK(server.channel("t", "a").depth == 85);
        CHECK(server.channel("t", "b").depth == 30);
        CHECK(server.channel("t", "all").depth == 100);
        CHECK(server.channel("t", "end").depth == 0);
    }
    Consumer a{*server, loop, "t", "a"};
    Consumer b{*server, loop, "t", "b"};
    Consumer all{*server, loop, "t", "all"};
    Consumer end{*server, loop, "t", "end"};
    CHECK(bodiesOf(a.take()) == numbered(85, 15));
    CHECK(bodiesOf(b.take()) == numbered(30, 70));
    CHECK(bodiesOf(all.take()) == numbered(100));
    server.publish("t", {"new"});
    for (Consumer* consumer : {&a, &b, &all, &end}) CHECK(bodiesOf(consumer->take()) == Texts{"new"});
    server.checkCounters();
}

TEST_CASE("messages in flight, requeued and deferred survive with attempts and times", "[broker][restart]") {
    Server server;
    TestLoop loop;
    const Clock::time_point begin = Clock::now();
    std::map<std::string, std::uint64_t> ids;
    {
        Consumer consumer{*server, loop, "t", "c", 4};
        server.publish("t", {"flying", "touched", "requeued", "later", "waiting"});
        server.publish("t", {"deferred"}, 150ms);
        server.publish("t", {"never"}, kLong);
        auto messages = consumer.take();
        REQUIRE(messages.size() == 4);
        for (const ReadMessage& message : messages) ids[message.body] = message.id;
        REQUIRE(consumer->requeue({messages[2].id}, 0ms));
        messages = consumer.take();
        REQUIRE(messages.size() == 1);  // requeued or waiting, they take turns
        while (messages[0].body != "requeued") {
            REQUIRE(consumer->requeue({messages[0].id}, 0ms));
            messages = consumer.take();
            REQUIRE(messages.size() == 1);
        }
        CHECK(messages[0].attempts == 2);
        REQUIRE(consumer->touch({ids["touched"]}));
        REQUIRE(consumer->requeue({ids["later"]}, 150ms));
    }
    server.restart();
    CHECK(server.channel("t", "c").depth == 4);
    CHECK(server.channel("t", "c").inFlightCount == 0);
    CHECK(server.channel("t", "c").deferredCount == 3);
    Consumer consumer{*server, loop, "t", "c"};
    std::map<std::string, ReadMessage> got;
    for (const ReadMessage& message : consumer.take()) got[message.body] = message;
    REQUIRE(got.size() == 4);
    CHECK(got.at("flying").attempts == 2);
    CHECK(got.at("touched").attempts == 2);
    CHECK(got.at("requeued").attempts == 3);
    CHECK(got.contains("waiting"));
    CHECK(got.at("flying").id == ids["flying"]);
    const auto& later = consumer.receive(2);
    CHECK(Clock::now() - begin >= 150ms);
    for (const ReadMessage& message : later) got[message.body] = message;
    CHECK(got.at("deferred").attempts == 1);
    CHECK(got.at("later").attempts == 2);
    CHECK(server.channel("t", "c").deferredCount == 1);
    server.checkCounters();
}

TEST_CASE("pauses, and topics without channels, survive a restart", "[broker][restart]") {
    Server server;
    TestLoop loop;
    REQUIRE(server->createTopic("empty"));
    server.publish("lonely", numbered(5));
    server.publish("lonely", {"deferred"}, kLong);
    REQUIRE(server->createTopic("paused"));
    REQUIRE(server->createChannel("paused", "c"));
    REQUIRE(server->createChannel("paused", "d"));
    server.publish("paused", {"before"});
    REQUIRE(server->pauseTopic("paused", true));
    REQUIRE(server->pauseChannel("paused", "d", true));
    server.publish("paused", {"held", "back"});
    server.publish("paused", {"deferred"}, kLong);
    for (int round = 0; round < 2; ++round) {
        server.restart();
        CHECK(server.topic("empty").depth == 0);
        CHECK(server.topic("lonely").depth == 6);
        CHECK_FALSE(server.topic("lonely").paused);
        CHECK(server.topic("paused").paused);
        CHECK(server.topic("paused").depth == 3);
        CHECK_FALSE(server.channel("paused", "c").paused);
        CHECK(server.channel("paused", "d").paused);
        CHECK(server.channel("paused", "c").depth == 1);
    }
    Consumer lonely{*server, loop, "lonely", "c"};
    CHECK(bodiesOf(lonely.take()) == numbered(5));
    CHECK(server.channel("lonely", "c").deferredCount == 1);
    REQUIRE(server->pauseTopic("paused", false));
    Consumer c{*server, loop, "paused", "c"};
    Consumer d{*server, loop, "paused", "d"};
    CHECK(bodiesOf(c.take()) == Texts{"before", "held", "back"});
    CHECK(d.take().empty());
    REQUIRE(server->pauseChannel("paused", "d", false));
    CHECK(d.take().size() == 3);
    server.checkCounters();
}

TEST_CASE("what was emptied stays empty after a restart", "[broker][restart]") {
    Server server;
    TestLoop loop;
    REQUIRE(server->createTopic("t"));
    REQUIRE(server->createChannel("t", "behind"));
    server.publish("t", numbered(3));
    REQUIRE(server->pauseTopic("t", true));
    server.publish("t", {"emptied", "emptied"});
    REQUIRE(server->emptyTopic("t"));
    server.publish("t", {"after"});
    REQUIRE(server->createChannel("t", "ahead"));
    server.restart();
    CHECK(server.channel("t", "behind").depth == 3);
    CHECK(server.topic("t").depth == 1);
    REQUIRE(server->pauseTopic("t", false));
    Consumer behind{*server, loop, "t", "behind"};
    Consumer ahead{*server, loop, "t", "ahead"};
    const auto got = behind.take();
    Texts bodies = bodiesOf(got);
    std::ranges::sort(bodies);
    CHECK(bodies == Texts{"0", "1", "2", "after"});
    for (const ReadMessage& message : got) CHECK(message.attempts == 1);
    CHECK(bodiesOf(ahead.take()) == Texts{"after"});
    server.checkCounters();
}

TEST_CASE("a large backlog goes into several files and comes back", "[broker][restart]") {
    broker::BrokerConfig config;
    config.maxBytesPerFile = 50'000;
    Server server{config};
    TestLoop loop;
    Texts expected;
    REQUIRE(server->createTopic("t"));
    REQUIRE(server->createChannel("t", "c"));
    for (std::size_t i = 0; i < 300; ++i) {
        const Texts texts{std::to_string(i) + std::string(i % 7 == 0 ? 3000 : 500, 'x'),
                          "s" + std::to_string(i)};
        server.publish("t", texts);
        expected.insert(expected.end(), texts.begin(), texts.end());
    }
    server.restart();
    const auto segments = segmentsOf(server, "t");
    CHECK(segments.size() > 4);
    for (const fs::path& path : segments) CHECK(fs::file_size(path) <= 50'000);
    {
        Consumer consumer{*server, loop, "t", "c", 250};
        const auto got = consumer.take();
        CHECK(bodiesOf(got) == Texts{expected.begin(), expected.begin() + 250});
        for (const ReadMessage& message : got) REQUIRE(consumer.finish(message));
    }
    server.restart();
    CHECK(loop.runUntil([&] { return segmentsOf(server, "t").size() < segments.size(); }));
    Consumer consumer{*server, loop, "t", "c"};
    CHECK(bodiesOf(consumer.take()) == Texts{expected.begin() + 250, expected.end()});
    server.checkCounters();
}

TEST_CASE("ids stay unique over restarts, crashes and deleted topics", "[broker][restart]") {
    Server server;
    TestLoop loop;
    std::map<std::uint64_t, std::string> ids;  // and whose they are: after a crash some come again
    for (std::size_t round = 0; round < 9; ++round) {
        {
            Consumer consumer{*server, loop, "t", "c", 5000};
            server.publish("t", numbered(500, round * 1000));
            server.publish("t", numbered(20, round * 1000 + 500), 1ms);
            std::set<std::string> missing;
            for (const std::string& body : numbered(520, round * 1000)) missing.insert(body);
            consumer.automatic = true;
            CHECK(loop.runUntil([&] {
                for (const ReadMessage& message : consumer.received) {
                    CHECK(ids.emplace(message.id, message.body).first->second == message.body);
                    CHECK(consumer.finish(message));
                    missing.erase(message.body);
                }
                consumer.received.clear();
                return missing.empty();
            }));
        }
        if (round % 3 == 0) {
            server.restart();
        } else if (round % 3 == 1) {
            server.crash();
            server.start();
        } else {
            REQUIRE(server->deleteTopic("t"));
        }
    }
    CHECK(ids.size() == 9 * 520);
}

TEST_CASE("numbers go on above those that were used, not above those that were saved", "[broker][restart]") {
    Server server;
    TestLoop loop;
    std::set<std::uint64_t> ids;
    {
        Consumer consumer{*server, loop, "t", "c", 1};
        server.publish("t", numbered(6));
        server.publish("t", {"of the highest number"}, 1ms);
        REQUIRE(loop.runUntil([&] { return server.channel("t", "c").deferredCount == 0; }));
        std::string last;
        while (last != "of the highest number") {
            const auto taken = consumer.take();
            REQUIRE(taken.size() == 1);
            REQUIRE(consumer.finish(taken[0]));
            ids.insert(taken[0].id);
            last = taken[0].body;
        }
    }
    REQUIRE(server.channel("t", "c").depth > 0);
    server.restart();
    server.publish("t", numbered(10));
    Consumer consumer{*server, loop, "t", "c"};
    for (const ReadMessage& message : consumer.take()) CHECK(ids.insert(message.id).second);
    CHECK(ids.size() == 17);
}

TEST_CASE("names that look like paths or like the server's own files are topics as any",
          "[broker][restart]") {
    Server server;
    TestLoop loop;
    const Texts names{".",      "..",       "...",   ".x",       "sequence.lease", "sequence.lease.tmp",
                      "topics", "nsqd.dat", "state", "state.tmp"};
    for (const std::string& name : names) {
        REQUIRE(server->createTopic(name));
        for (const std::string& channel : names) REQUIRE(server->createChannel(name, channel));
        server.publish(name, {"in " + name});
    }
    server.restart();
    for (const std::string& name : names) {
        CAPTURE(name);
        for (const std::string& channel : names) {
            Consumer consumer{*server, loop, name, channel};
            CHECK(bodiesOf(consumer.take()) == Texts{"in " + name});
        }
    }
    for (const std::string& name : names) REQUIRE(server->deleteTopic(name));
    server.restart();
    CHECK(server->stats({}).empty());
    server.stop();
    CHECK(std::distance(fs::directory_iterator{server.path()}, {}) == 3);  // nsqd.dat, sequence.lease, topics
    CHECK(fs::is_empty(server.path() / "topics"));
}

}  // namespace
}  // namespace nsq::test
