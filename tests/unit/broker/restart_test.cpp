#include <catch2/catch.hpp>

#include <algorithm>
#include <fstream>
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
        if (entry.path().extension() == ".log" && entry.path().filename() != "pending.log") {
            paths.push_back(entry.path());
        }
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
    CHECK(segmentsOf(server, "t").size() < segments.size());
    Consumer consumer{*server, loop, "t", "c"};
    CHECK(bodiesOf(consumer.take()) == Texts{expected.begin() + 250, expected.end()});
    server.checkCounters();
}

TEST_CASE("ids stay unique over restarts, crashes and deleted topics", "[broker][restart]") {
    Server server;
    TestLoop loop;
    std::set<std::uint64_t> ids;
    std::size_t total = 0;
    for (int round = 0; round < 9; ++round) {
        {
            Consumer consumer{*server, loop, "t", "c"};
            server.publish("t", numbered(500));
            server.publish("t", numbered(20), 1ms);
            for (const ReadMessage& message : consumer.receive(520)) {
                CHECK(ids.insert(message.id).second);
                CHECK(consumer.finish(message));
                ++total;
            }
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
    CHECK(ids.size() == total);
    CHECK(total == 9 * 520);
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
    const Texts names{
        ".",      "..",       "...",         ".x",         "sequence.lease", "sequence.lease.tmp",
        "topics", "nsqd.dat", "pending.log", "topic.state"};
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
    CHECK(std::distance(fs::directory_iterator{server.path()}, {}) == 3);  // nsqd.dat, sequence.lease, topics
    CHECK(fs::is_empty(server.path() / "topics"));
}

TEST_CASE("a channel made after the last save does not get what was saved for others", "[broker][restart]") {
    Server server;
    TestLoop loop;
    REQUIRE(server->createTopic("t"));
    REQUIRE(server->createChannel("t", "old"));
    server.publish("t", numbered(5));
    server.restart();
    REQUIRE(server->createChannel("t", "new"));
    server.crash();
    server.start();
    CHECK(server.channel("t", "old").depth == 5);
    CHECK(server.channel("t", "new").depth == 0);
}

TEST_CASE("a crash in the middle of a save doubles nothing", "[broker][restart]") {
    broker::BrokerConfig config;
    config.maxBytesPerFile = 2000;
    Server server{config};
    TestLoop loop;
    const fs::path directory = storage::topicDirectory(server.path(), "t");
    const TemporaryDirectory kept;
    REQUIRE(server->createTopic("t"));
    REQUIRE(server->createChannel("t", "c"));
    for (std::size_t i = 0; i < 20; ++i) server.publish("t", numbered(10, i * 10));
    server.restart();
    fs::copy(directory, kept / "older", fs::copy_options::recursive);
    {
        Consumer consumer{*server, loop, "t", "c", 43};
        for (const ReadMessage& message : consumer.take()) REQUIRE(consumer.finish(message));
    }
    server.stop();
    // The next save had written all its segments, but none of the old ones was removed yet.
    for (const auto& entry : fs::directory_iterator{kept / "older"}) {
        const fs::path there = directory / entry.path().filename();
        if (entry.path().extension() == ".channel" || !fs::exists(there)) {
            fs::copy_file(entry.path(), there, fs::copy_options::overwrite_existing);
        }
    }
    server.start();
    Consumer consumer{*server, loop, "t", "c"};
    CHECK(bodiesOf(consumer.take()) == numbered(200));
    server.checkCounters();
}

TEST_CASE("a damaged channel state redelivers rather than loses, and is told", "[broker][restart]") {
    Server server;
    TestLoop loop;
    {
        Consumer consumer{*server, loop, "t", "c", 3};
        Consumer other{*server, loop, "t", "other", 5};
        server.publish("t", numbered(8));
        REQUIRE(consumer.take().size() == 3);
        for (const ReadMessage& message : other.take()) REQUIRE(other.finish(message));
    }
    server.stop();
    const fs::path file = storage::channelStateFile(storage::topicDirectory(server.path(), "t"), "c");
    writeFile(file, sdk::asBytes("garbage"));
    server.start();
    CHECK(server.log().find(file.string() + ": damaged") != std::string::npos);
    Consumer consumer{*server, loop, "t", "c"};
    Texts got = bodiesOf(consumer.take());
    std::ranges::sort(got);
    CHECK(got == numbered(8));
    CHECK(server.channel("t", "other").depth == 3);
}

TEST_CASE("a damaged segment costs its messages only, is told, and kept aside", "[broker][restart]") {
    Server server;
    TestLoop loop;
    REQUIRE(server->createTopic("t"));
    REQUIRE(server->createChannel("t", "c"));
    for (std::size_t i = 0; i < 3; ++i) server.publish("t", numbered(2, i * 2));
    server.stop();
    const auto segments = segmentsOf(server, "t");
    REQUIRE(segments.size() == 1);
    auto content = storage::readFile(segments[0]).value();
    content[content.size() / 2] ^= std::byte{1};
    writeFile(segments[0], content);
    server.start();
    CHECK(server.log().find(segments[0].string() + ": ") != std::string::npos);
    CHECK(server.log().find("damaged bytes skipped") != std::string::npos);
    {
        Consumer consumer{*server, loop, "t", "c"};
        CHECK(bodiesOf(consumer.take()) == Texts{"0", "1", "4", "5"});
    }
    server.restart();
    CHECK(storage::readFile(segments[0].string() + ".bad").value() == content);
    CHECK(server.channel("t", "c").depth == 4);
}

TEST_CASE("a file of another version is kept aside, not removed", "[broker][restart]") {
    Server server;
    TestLoop loop;
    REQUIRE(server->createTopic("t"));
    server.publish("t", numbered(2));
    server.stop();
    const auto segments = segmentsOf(server, "t");
    REQUIRE(segments.size() == 1);
    auto content = storage::readFile(segments[0]).value();
    content[8] = std::byte{2};
    writeFile(segments[0], content);
    server.start();
    CHECK(server.log().find("format version 2") != std::string::npos);
    CHECK(server.topic("t").depth == 0);
    server.restart();
    CHECK(storage::readFile(segments[0].string() + ".bad").value() == content);
}

TEST_CASE("a start that cannot use the directory says so", "[broker][restart]") {
    Server server;
    server.stop();
    const auto startError = [&] {
        spdlog::logger logger{"silent"};
        broker::Broker broker{server.config(), logger};
        const auto started = broker.start();
        REQUIRE_FALSE(started);
        CHECK(started.error().code == sdk::ErrorCode::kStorage);
        return started.error().text;
    };
    const auto metadata = storage::readFile(server.path() / "nsqd.dat").value();
    writeFile(server.path() / "nsqd.dat", sdk::asBytes("{"));
    CHECK(startError().find("nsqd.dat") != std::string::npos);
    // It was left as it is.
    CHECK(sdk::asText(storage::readFile(server.path() / "nsqd.dat").value()) == "{");
    writeFile(server.path() / "nsqd.dat", metadata);
    writeFile(server.path() / "sequence.lease", sdk::asBytes("none"));
    CHECK(startError().find("sequence.lease") != std::string::npos);
    fs::remove(server.path() / "sequence.lease");
    server.start();
}

}  // namespace
}  // namespace nsq::test
