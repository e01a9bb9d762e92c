#include <catch2/catch.hpp>

#include <algorithm>

#include "storage/file_io.h"
#include "storage/state_journal.h"
#include "storage/topic_directory.h"
#include "unit/broker/fixture.h"

namespace nsq::test {
namespace {

namespace fs = std::filesystem;

fs::path stateOf(const Server& server) {
    return storage::stateFile(storage::topicDirectory(server.path(), "t"));
}

std::vector<fs::path> segmentsOf(const Server& server) {
    std::vector<fs::path> paths;
    for (const auto& entry : fs::directory_iterator{storage::topicDirectory(server.path(), "t")}) {
        if (entry.path().extension() == ".log") paths.push_back(entry.path());
    }
    std::ranges::sort(paths);
    return paths;
}

fs::path onlySegment(const Server& server) {
    const auto paths = segmentsOf(server);
    REQUIRE(paths.size() == 1);
    return paths.front();
}

/// Waits until all that happened is saved.
void waitUntilSaved(Server& server, TestLoop& loop, const std::string& channel) {
    const auto size = [&] { return fs::file_size(stateOf(server)); };
    const auto before = size();
    REQUIRE(server->pauseChannel("t", channel, true));
    REQUIRE(server->pauseChannel("t", channel, false));
    CHECK(loop.runUntil([&] { return size() != before; }));
}

Texts sorted(Texts texts) {
    std::ranges::sort(texts);
    return texts;
}

TEST_CASE("a crash loses nothing that was committed", "[broker][recovery]") {
    Server server;
    TestLoop loop;
    REQUIRE(server->createTopic("t"));
    REQUIRE(server->createChannel("t", "c"));
    server.publish("t", numbered(10));
    server.publish("t", {"deferred"}, 200ms);
    REQUIRE(server->createChannel("t", "late"));
    server.publish("t", {"after"});
    const Clock::time_point published = Clock::now();
    server.crash();
    server.start();
    CHECK(server.channel("t", "c").depth == 11);
    CHECK(server.channel("t", "c").deferredCount == 1);
    CHECK(server.channel("t", "late").depth == 1);
    CHECK(server.channel("t", "late").deferredCount == 0);
    Consumer consumer{*server, loop, "t", "c"};
    Texts expected = numbered(10);
    expected.emplace_back("after");
    CHECK(bodiesOf(consumer.take()) == expected);
    const auto& later = consumer.receive(1);
    CHECK(later[0].body == "deferred");
    CHECK(Clock::now() - published >= 190ms);
    server.checkCounters();
}

TEST_CASE("what was finished, requeued and in flight is known after a crash", "[broker][recovery]") {
    Server server;
    TestLoop loop;
    {
        Consumer consumer{*server, loop, "t", "c", 5};
        server.publish("t", numbered(8));
        auto messages = consumer.take();
        REQUIRE(messages.size() == 5);
        REQUIRE(consumer.finish(messages[0]));
        REQUIRE(consumer.finish(messages[3]));
        REQUIRE(consumer->requeue({messages[1].id}, kLong));
        REQUIRE(consumer->touch({messages[2].id}));
        waitUntilSaved(server, loop, "c");
    }
    server.crash();
    server.start();
    CHECK(server.channel("t", "c").depth == 5);
    CHECK(server.channel("t", "c").deferredCount == 1);
    Consumer consumer{*server, loop, "t", "c"};
    std::map<std::string, ReadMessage> got;
    for (const ReadMessage& message : consumer.take()) got[message.body] = message;
    REQUIRE(got.size() == 5);
    CHECK(got.at("2").attempts == 2);
    CHECK(got.at("4").attempts == 2);
    for (const char* body : {"5", "6", "7"}) CHECK(got.at(body).attempts == 1);
}

TEST_CASE("a damaged state redelivers rather than loses, and is told", "[broker][recovery]") {
    Server server;
    TestLoop loop;
    REQUIRE(server->createTopic("t"));
    REQUIRE(server->createChannel("t", "idle"));
    {
        Consumer consumer{*server, loop, "t", "c", 3};
        server.publish("t", numbered(8));
        server.publish("t", {"deferred"}, kLong);
        REQUIRE(consumer.take().size() == 3);
    }
    server.stop();
    writeFile(stateOf(server), sdk::asBytes("garbage"));
    server.start();
    CHECK(server.log().find(stateOf(server).string() + ": damaged") != std::string::npos);
    for (const char* channel : {"idle", "c"}) {
        CAPTURE(channel);
        Consumer consumer{*server, loop, "t", channel};
        CHECK(bodiesOf(consumer.take()) == numbered(8));
        CHECK(server.channel("t", channel).deferredCount == 1);
    }
}

TEST_CASE("a message that comes twice after damage is delivered twice and harms nobody",
          "[broker][recovery]") {
    Server server;
    TestLoop loop;
    {
        Consumer consumer{*server, loop, "t", "c", 1};
        server.publish("t", {"twice"});
        const auto messages = consumer.take();
        REQUIRE(messages.size() == 1);
        REQUIRE(consumer->requeue({messages[0].id}, 0ms));
    }
    server.stop();
    storage::StateJournal journal{stateOf(server), false};
    std::string warning;
    auto state = journal.read(warning).value();
    REQUIRE(state);
    storage::ChannelState& saved = state->channels.front();
    REQUIRE(saved.kept.messages.size() == 1);
    saved.inFlight = saved.kept.messages;
    REQUIRE(journal.saveAll(*state));
    server.start();
    CHECK(server.channel("t", "c").depth == 2);
    const sdk::SubscribeOptions soon{20ms, 0};
    Consumer first{*server, loop, "t", "c", 1, soon};
    Consumer second{*server, loop, "t", "c", 1, soon};
    CHECK(bodiesOf(first.take()) == Texts{"twice"});
    const auto again = second.take();
    REQUIRE(bodiesOf(again) == Texts{"twice"});
    CHECK(second.finish(again[0]));
    second->setReady(0);
    // One that times out after both of them would.
    server.publish("t", {"later"});
    Consumer third{*server, loop, "t", "c", 1, soon};
    first->setReady(0);
    REQUIRE(bodiesOf(third.take()) == Texts{"later"});
    third->setReady(0);
    CHECK(loop.runUntil([&] { return server.channel("t", "c").timeoutCount > 0; }));
    CHECK(server.channel("t", "c").depth == 1);
    CHECK(server.channel("t", "c").inFlightCount == 0);
}

TEST_CASE("an older state beside newer messages loses nothing", "[broker][recovery]") {
    Server server;
    TestLoop loop;
    REQUIRE(server->createTopic("t"));
    REQUIRE(server->createChannel("t", "c"));
    server.publish("t", {"old"});
    server.stop();
    const auto older = storage::readFile(stateOf(server)).value();
    server.start();
    {
        Consumer consumer{*server, loop, "t", "c", 3};
        server.publish("t", numbered(8));
        server.publish("t", {"deferred"}, kLong);
        for (const ReadMessage& message : consumer.take()) REQUIRE(consumer.finish(message));
    }
    server.stop();
    writeFile(stateOf(server), older);
    server.start();
    CHECK(server.channel("t", "c").deferredCount == 1);
    Consumer consumer{*server, loop, "t", "c"};
    Texts expected = numbered(8);
    expected.emplace_back("old");
    CHECK(sorted(bodiesOf(consumer.take())) == sorted(expected));
}

TEST_CASE("a channel made after an older state is there, and one that was removed is not",
          "[broker][recovery]") {
    Server server;
    const fs::path metadata = server.path() / "nsqd.dat";
    const auto has = [&](const char* channel) {
        std::string warning;
        const auto topics = storage::readMetadata(metadata, warning).value().topics;
        return !topics.empty() &&
               std::ranges::count(topics[0].channels, channel, &storage::ChannelMetadata::name) > 0;
    };
    REQUIRE(server->createTopic("t"));
    const auto older = storage::readFile(stateOf(server)).value();
    REQUIRE(server->createChannel("t", "c"));
    server.publish("t", numbered(3));
    server.stop();
    REQUIRE(has("c"));
    SECTION("the state has lost its end") {
        writeFile(stateOf(server), older);
        server.start();
        CHECK(server.log().find(stateOf(server).string() + ": damaged: its end is missing") !=
              std::string::npos);
        TestLoop loop;
        Consumer consumer{*server, loop, "t", "c"};
        CHECK(sorted(bodiesOf(consumer.take())) == sorted(numbered(3)));
    }
    SECTION("the metadata does not know yet that it was removed, or that its topic is another one") {
        const bool isTopic = GENERATE(false, true);
        const auto before = storage::readFile(metadata).value();
        server.start();
        if (isTopic) {
            REQUIRE(server->deleteTopic("t"));
            REQUIRE(server->createTopic("t"));
        } else {
            REQUIRE(server->deleteChannel("t", "c"));
        }
        server.crash();
        writeFile(metadata, before);
        server.start();
        CHECK(server->stats({"t", {}}).at(0).channels.empty());
        CHECK(server.log().find("damaged") == std::string::npos);
    }
}

TEST_CASE("an older state does not know of a message that was moved since, which comes all the same",
          "[broker][recovery]") {
    broker::BrokerConfig config;
    config.maxBytesPerFile = 20'000;
    Server server{config};
    TestLoop loop;
    REQUIRE(server->createTopic("t"));
    REQUIRE(server->createChannel("t", "c"));
    auto older = storage::readFile(stateOf(server)).value();
    std::string moved;
    const bool isFirstFinished = GENERATE(false, true);
    {
        Consumer consumer{*server, loop, "t", "c"};
        std::size_t count = 0;
        const auto takeUntilFiles = [&](std::size_t files) {
            std::vector<ReadMessage> taken;
            while (segmentsOf(server).size() < files) {
                server.publish("t", {std::to_string(count++) + std::string(1000, 'x')});
                taken.push_back(consumer.take().at(0));
            }
            return taken;
        };
        // All of the first file stays in flight, too much to be moved, or none, and one message of the
        // second.
        std::vector<ReadMessage> first = takeUntilFiles(2);
        moved = first.back().body;
        first.pop_back();
        if (isFirstFinished) {
            for (const ReadMessage& message : first) REQUIRE(consumer.finish(message));
        }
        const fs::path second = segmentsOf(server).back();
        for (const ReadMessage& message : takeUntilFiles(4)) REQUIRE(consumer.finish(message));
        REQUIRE(loop.runUntil([&] { return !fs::exists(second); }));
    }
    server.crash();
    older.push_back(std::byte{1});  // what came behind is damaged
    writeFile(stateOf(server), older);
    server.start();
    CHECK(server.log().find(stateOf(server).string() + ": damaged") != std::string::npos);
    Consumer consumer{*server, loop, "t", "c"};
    std::size_t came = 0;
    CHECK(loop.runUntil([&] { return (came += std::ranges::count(bodiesOf(consumer.take()), moved)) > 0; }));
    CHECK(came == 1);
}

TEST_CASE("a damaged batch costs its messages only, is told, and kept aside", "[broker][recovery]") {
    Server server;
    TestLoop loop;
    REQUIRE(server->createTopic("t"));
    REQUIRE(server->createChannel("t", "c"));
    for (std::size_t i = 0; i < 3; ++i) server.publish("t", numbered(2, i * 2));
    server.stop();
    const fs::path segment = onlySegment(server);
    auto content = storage::readFile(segment).value();
    content[content.size() / 2] ^= std::byte{1};
    writeFile(segment, content);
    server.start();
    {
        Consumer consumer{*server, loop, "t", "c"};
        CHECK(bodiesOf(consumer.take()) == Texts{"0", "1", "4", "5"});
        CHECK(server.channel("t", "c").depth == 0);
    }
    CHECK(loop.runUntil([&] { return server.log().find(segment.string() + ": ") != std::string::npos; }));
    CHECK(server.topic("t").damagedBatches == 1);
    const bool isAside =
        std::ranges::any_of(fs::directory_iterator{segment.parent_path()},
                            [](const auto& entry) { return entry.path().extension() == ".bad"; });
    CHECK(isAside);
    server.restart();
    CHECK(server.channel("t", "c").depth == 4);
}

TEST_CASE("a torn end is cut off, and the log goes on there", "[broker][recovery]") {
    Server server;
    TestLoop loop;
    REQUIRE(server->createTopic("t"));
    REQUIRE(server->createChannel("t", "c"));
    server.publish("t", numbered(2));
    server.publish("t", {"torn"});
    const fs::path segment = onlySegment(server);
    server.crash();
    fs::resize_file(segment, fs::file_size(segment) - 1);
    server.start();
    CHECK(server.log().find(segment.string() + ": ") != std::string::npos);
    server.publish("t", {"new"});
    server.crash();
    server.start();
    Consumer consumer{*server, loop, "t", "c"};
    CHECK(bodiesOf(consumer.take()) == Texts{"0", "1", "new"});
}

TEST_CASE("messages missing at the end of the log are told of and counted", "[broker][recovery]") {
    Server server;
    TestLoop loop;
    REQUIRE(server->createTopic("t"));
    REQUIRE(server->createChannel("t", "c"));
    server.publish("t", numbered(2));
    const fs::path segment = onlySegment(server);
    const auto end = fs::file_size(segment);
    server.publish("t", numbered(3, 2));
    server.stop();
    fs::resize_file(segment, end);
    server.start();
    Consumer consumer{*server, loop, "t", "c"};
    CHECK(bodiesOf(consumer.take()) == numbered(2));
    CHECK(server.log().find(segment.string() + ": byte " + std::to_string(end) +
                            ": 3 messages behind it are missing") != std::string::npos);
    CHECK(server.topic("t").damagedBatches == 1);
    CHECK(server.channel("t", "c").depth == 0);
}

TEST_CASE("a start that cannot use a topic's directory says so and changes nothing", "[broker][recovery]") {
    Server server;
    for (const char* name : {"a", "b", "c"}) server.publish(name, {"x"});
    server.stop();
    const auto metadata = storage::readFile(server.path() / "nsqd.dat").value();
    const fs::path inTheWay = storage::topicDirectory(server.path(), "b");
    fs::rename(inTheWay, server.path() / "aside");
    writeFile(inTheWay, sdk::asBytes("no directory"));
    {
        spdlog::logger logger{"silent"};
        broker::Broker broker{server.config(), logger};
        const auto started = broker.start();
        REQUIRE_FALSE(started);
        CHECK(started.error().code == sdk::ErrorCode::kStorage);
        CHECK(started.error().text.find(inTheWay.string()) != std::string::npos);
    }
    CHECK(storage::readFile(server.path() / "nsqd.dat").value() == metadata);
    fs::remove(inTheWay);
    fs::rename(server.path() / "aside", inTheWay);
    server.start();
    for (const char* name : {"a", "b", "c"}) CHECK(server.topic(name).depth == 1);
}

TEST_CASE("a topic the server died making is not there, nor what had its name before", "[broker][recovery]") {
    Server server;
    REQUIRE(server->createTopic("t"));
    REQUIRE(server->createChannel("t", "c"));
    server.stop();  // nsqd.dat knows both
    const fs::path directory = storage::topicDirectory(server.path(), "t");
    const bool isBegun = GENERATE(false, true);
    fs::remove_all(directory);
    fs::create_directory(directory);
    if (isBegun) writeFile(directory / "state.tmp", sdk::asBytes("half a sta"));
    server.start();
    CHECK_FALSE(server->hasTopic("t"));
    CHECK_FALSE(fs::exists(directory));
}

TEST_CASE("damaged files beside the topics stop no start", "[broker][recovery]") {
    Server server;
    TestLoop loop;
    std::set<std::uint64_t> ids;
    REQUIRE(server->createTopic("t"));
    REQUIRE(server->createChannel("t", "c"));
    server.publish("t", numbered(3));
    server.stop();
    writeFile(server.path() / "nsqd.dat", sdk::asBytes("{"));
    writeFile(server.path() / "sequence.lease", sdk::asBytes("none"));
    server.start();
    for (const char* name : {"nsqd.dat", "sequence.lease"}) {
        CHECK(server.log().find((server.path() / name).string()) != std::string::npos);
    }
    CHECK(sdk::asText(storage::readFile(server.path() / "nsqd.dat.bad").value()) == "{");
    server.publish("t", numbered(3, 3));
    Consumer consumer{*server, loop, "t", "c"};
    const auto messages = consumer.take();
    CHECK(bodiesOf(messages) == numbered(6));
    for (const ReadMessage& message : messages) CHECK(ids.insert(message.id).second);
}

TEST_CASE("metadata of another server is taken over, our own is not trusted more than the topics",
          "[broker][recovery]") {
    Server server;
    REQUIRE(server->createTopic("t"));
    REQUIRE(server->createTopic("gone"));
    server.stop();
    const auto ours = storage::readFile(server.path() / "nsqd.dat").value();
    server.start();
    REQUIRE(server->deleteTopic("gone"));
    server.stop();
    writeFile(server.path() / "nsqd.dat", ours);
    server.start();
    CHECK_FALSE(server->hasTopic("gone"));
    server.stop();
    writeFile(
        server.path() / "nsqd.dat",
        sdk::asBytes(R"({"topics":[{"name":"new","paused":true,"channels":[{"name":"c","paused":true}]},)"
                     R"({"name":"t","paused":false,"channels":[{"name":"d","paused":false}]}],)"
                     R"("version":"1.3.0"})"));
    server.start();
    CHECK(server.topic("new").paused);
    CHECK(server.channel("new", "c").paused);
    CHECK_FALSE(server.channel("t", "d").paused);
}

}  // namespace
}  // namespace nsq::test
