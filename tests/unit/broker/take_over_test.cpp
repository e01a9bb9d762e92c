#include <catch2/catch.hpp>

#include "storage/file_io.h"
#include "unit/broker/stock_server.h"
#include "unit/storage/file_size_limit.h"

namespace nsq::test {
namespace {

namespace fs = std::filesystem;

const std::string kThreeChannels =
    R"({"topics":[{"name":"t","paused":false,"channels":[{"name":"a","paused":false},)"
    R"({"name":"b","paused":true},{"name":"c","paused":false}]}],"version":"1.3.0"})";

TEST_CASE("a stock nsqd's queues come into a fresh topic", "[broker][take_over]") {
    StockServer server;
    server.metadata(kThreeChannels);
    server.queue("t", {}, numbered(5, 500));
    server.queue("t", "a", numbered(3, 100));
    server.queue("t", "b", numbered(4, 200));
    server.start();
    CHECK(server.isTaken());
    CHECK(server.isSettled("t"));
    CHECK(server.topic("t").depth == 0);
    CHECK(server.channel("t", "b").paused);
    for (const bool crash : {false, true}) {
        CHECK(server.channel("t", "a").depth == 8);
        CHECK(server.channel("t", "b").depth == 9);
        CHECK(server.channel("t", "c").depth == 5);
        if (crash) server.crash();
        if (!crash) server.stop();
        server.start();
    }
    REQUIRE(server->pauseChannel("t", "b", false));
    CHECK(server.drain("t", "a") == numbered(3, 100) + numbered(5, 500));
    CHECK(server.drain("t", "b") == numbered(4, 200) + numbered(5, 500));
    CHECK(server.drain("t", "c") == numbered(5, 500));
    server.publish("t", {"new"});
    for (const auto* channel : {"a", "b", "c"}) CHECK(server.drain("t", channel) == Texts{"new"});
    server.checkCounters();
}

TEST_CASE("timestamps and attempts come along, and attempts go on", "[broker][take_over]") {
    StockServer server;
    server.queue("t", "c", numbered(4), 6);
    server.start();
    TestLoop loop;
    {
        Consumer consumer{*server, loop, "t", "c", 4, {30ms, 0}};
        auto messages = consumer.take();
        REQUIRE(messages.size() == 4);
        for (std::size_t i = 0; i < 4; ++i) {
            CHECK(messages[i].attempts == 7);
            CHECK(messages[i].timestampNs == static_cast<std::int64_t>(1'001 + i));
        }
        REQUIRE(consumer->requeue({messages[0].id}, 0ms));
        messages = consumer.take();
        REQUIRE(messages.size() == 1);
        CHECK(messages[0].attempts == 8);
        REQUIRE(loop.runUntil([&] { return server.channel("t", "c").timeoutCount == 4; }));
        const auto back = consumer.receive(4);
        for (const ReadMessage& message : back) CHECK(message.attempts == (message.body == "0" ? 9 : 8));
        REQUIRE(consumer->touch({messages[0].id}));
    }
    // In flight, of which one as a single message.
    server.restart();
    Consumer consumer{*server, loop, "t", "c"};
    const auto messages = consumer.take();
    REQUIRE(messages.size() == 4);
    for (const ReadMessage& message : messages) CHECK(message.attempts == (message.body == "0" ? 10 : 9));
}

TEST_CASE("a run of imported messages in flight is saved with its attempts", "[broker][take_over]") {
    StockServer server;
    server.queue("t", "c", numbered(3), 6);
    server.queue("t", "most", numbered(1), UINT16_MAX);
    server.start();
    TestLoop loop;
    {
        Consumer consumer{*server, loop, "t", "c"};
        CHECK(consumer.take().size() == 3);
    }
    {
        Consumer consumer{*server, loop, "t", "c"};
        Consumer most{*server, loop, "t", "most"};
        CHECK(consumer.take().empty());
        CHECK(most.take().at(0).attempts == UINT16_MAX);
    }
    server.restart();
    Consumer consumer{*server, loop, "t", "c"};
    for (const ReadMessage& message : consumer.take()) CHECK(message.attempts == 8);
    Consumer most{*server, loop, "t", "most"};
    CHECK(most.take().at(0).attempts == UINT16_MAX);
}

TEST_CASE("queues with something unread make their topic and channel, others do not", "[broker][take_over]") {
    StockServer server;
    server.queue("unknown", "c", numbered(2));
    server.queue("lonely", {}, numbered(3));
    server.queue("drained", {}, {});
    server.queue("drained", "c", {});
    server.queue("lonely", "drained", {});
    server.start();
    CHECK(server.isTaken());
    CHECK(server->stats({}).size() == 2);
    CHECK(server.topic("lonely").depth == 3);
    CHECK(server.topic("lonely").channels.empty());
    CHECK(server.drain("lonely", "c") == numbered(3));
    CHECK(server.drain("unknown", "c") == numbered(2));
}

TEST_CASE("a paused topic's channels have their messages, and the topic keeps its own",
          "[broker][take_over]") {
    StockServer server;
    server.metadata(R"({"topics":[{"name":"t","paused":true,"channels":[{"name":"a","paused":false},)"
                    R"({"name":"b","paused":false}]}],"version":"1.3.0"})");
    server.queue("t", {}, numbered(5, 500));
    server.queue("t", "a", numbered(3));
    server.start();
    CHECK(server.topic("t").depth == 5);
    CHECK(server.drain("t", "a") == numbered(3));
    CHECK(server.drain("t", "b").empty());
    server.restart();
    CHECK(server.topic("t").depth == 5);
    REQUIRE(server->pauseTopic("t", false));
    CHECK(server.drain("t", "a") == numbered(5, 500));
    CHECK(server.drain("t", "b") == numbered(5, 500));
}

TEST_CASE("a topic of our own keeps what it has", "[broker][take_over]") {
    StockServer server;
    server.start();
    TestLoop loop;
    REQUIRE(server->createTopic("t"));
    for (const auto* channel : {"a", "b", "c"}) REQUIRE(server->createChannel("t", channel));
    server.publish("t", numbered(4));
    server.publish("t", {"deferred"}, kLong);
    {
        Consumer consumer{*server, loop, "t", "a", 2};
        REQUIRE(consumer.finish(consumer.take().at(0)));
    }
    CHECK(server.drain("t", "c").size() == 4);
    server.stop();
    server.queue("t", "a", numbered(2, 100));
    server.queue("t", "c", numbered(2, 300));
    server.queue("t", {}, numbered(2, 500));
    server.start();
    for (int round = 0; round < 2; ++round) {
        CHECK(server.channel("t", "a").depth == 3 + 2 + 2);
        CHECK(server.channel("t", "b").depth == 4 + 2);
        CHECK(server.channel("t", "c").depth == 2 + 2);
        for (const auto* channel : {"a", "b", "c"}) CHECK(server.channel("t", channel).deferredCount == 1);
        server.restart();
    }
    auto a = server.drain("t", "a");
    std::ranges::sort(a);
    CHECK(a == Texts{"1", "100", "101", "2", "3", "500", "501"});
    CHECK(server.drain("t", "b") == numbered(4) + numbered(2, 500));
    CHECK(server.drain("t", "c") == numbered(2, 300) + numbered(2, 500));
    server.checkCounters();
}

TEST_CASE("what a paused topic of our own holds back is not lost", "[broker][take_over]") {
    StockServer server;
    server.start();
    REQUIRE(server->createTopic("t"));
    for (const auto* channel : {"a", "b"}) REQUIRE(server->createChannel("t", channel));
    REQUIRE(server->pauseTopic("t", true));
    server.publish("t", numbered(4));
    server.publish("t", {"deferred"}, kLong);
    server.stop();
    const bool hasChannelQueue = GENERATE(false, true);
    if (hasChannelQueue) server.queue("t", "a", numbered(2, 100));
    server.queue("t", {}, numbered(2, 500));
    server.start();
    CHECK(server.topic("t").paused);
    CHECK(server.topic("t").depth == (hasChannelQueue ? 2 : 7));
    REQUIRE(server->pauseTopic("t", false));
    CHECK(server.drain("t", "a") ==
          numbered(4) + (hasChannelQueue ? numbered(2, 100) : Texts{}) + numbered(2, 500));
    CHECK(server.drain("t", "b") == numbered(4) + numbered(2, 500));
    CHECK(server.channel("t", "b").deferredCount == 1);
}

TEST_CASE("more than fits into memory is taken over under any durability", "[broker][take_over]") {
    broker::BrokerConfig config;
    config.durability =
        GENERATE(broker::Durability::kMemory, broker::Durability::kCrash, broker::Durability::kPower);
    config.memQueueSize = 50;
    config.maxBytesPerFile = 100'000;
    StockServer server{config};
    const Texts texts(60, std::string(200'000, 'x'));
    server.queue("t", "a", texts);
    server.queue("t", "b", numbered(10));
    server.queue("t", {}, texts);
    server.start();
    CHECK(server.topic("t").memoryBytes < 9'000'000);
    server.crash();
    server.start();
    CHECK(server.channel("t", "a").depth == 120);
    CHECK(server.drain("t", "b") == numbered(10) + texts);
    CHECK(server.drain("t", "a") == texts + texts);
}

TEST_CASE("a full disk stops the start, and a later one takes over everything once", "[broker][take_over]") {
    broker::BrokerConfig config;
    config.maxBytesPerFile = 1 << 30;
    StockServer server{config};
    server.start();
    REQUIRE(server->createTopic("t"));
    REQUIRE(server->createChannel("t", "b"));
    server.publish("t", {"ours"});
    server.stop();
    const Texts texts = Texts(30, std::string(300'000, 'x')) + numbered(3);
    server.queue("t", "a", texts);
    server.queue("t", {}, texts);
    const auto before = storage::listStockQueues(server.path()).value().size();
    // Within the first commit, within a later one, and within the topic's own queue.
    for (const rlim_t bytes : {1'000'000, 5'000'000, 14'000'000}) {
        const FileSizeLimit limit{bytes};
        CHECK_THAT(server.startError(), Catch::Contains(".log: cannot be written"));
        CHECK_FALSE(server.isSettled("t"));
        CHECK(storage::listStockQueues(server.path()).value().size() == before);
    }
    server.start();
    CHECK(server.isTaken());
    CHECK(server.isSettled("t"));
    CHECK(server.drain("t", "a") == texts + texts);
    CHECK(server.drain("t", "b") == Texts{"ours"} + texts);
}

TEST_CASE("an interrupted take-over leaves nothing for a start without the queues", "[broker][take_over]") {
    StockServer server;
    server.start();
    REQUIRE(server->createTopic("t"));
    REQUIRE(server->createChannel("t", "b"));
    server.publish("t", {"ours"});
    server.stop();
    server.queue("t", "a", Texts(30, std::string(300'000, 'x')));
    {
        const FileSizeLimit limit{6'000'000};
        server.startError();
    }
    for (const auto& entry : fs::directory_iterator{server.path()})
        if (entry.path().string().find(".diskqueue.") != std::string::npos) fs::remove(entry.path());
    server.start();
    CHECK(server.channel("t", "a").depth == 0);
    CHECK(server.drain("t", "b") == Texts{"ours"});
    server.publish("t", {"new"});
    CHECK(server.drain("t", "a") == Texts{"new"});
    CHECK(server.drain("t", "b") == Texts{"new"});
}

TEST_CASE("the keeper stays away from a topic that is taking over", "[broker][take_over]") {
    const TemporaryDirectory data;
    fs::create_directory(data / "topics");
    spdlog::logger logger{"silent"};
    std::string warning;
    const auto lease = storage::SequenceLease::open(data / "sequence.lease", warning).value();
    broker::QueueScan scan;
    broker::DiskHealth health;
    broker::Syncer syncer{{}};
    broker::Keeper keeper;
    keeper.stop();  // the test comes in its place
    const broker::BrokerConfig config;
    const broker::TopicContext context{{scan, config.maxMsgTimeout, 0, 0, {}},
                                       *lease,
                                       logger,
                                       keeper,
                                       syncer,
                                       health,
                                       data.path(),
                                       config.durability,
                                       20'000,
                                       10'000,
                                       2500,
                                       kLong,
                                       {}};
    const auto topic = std::make_shared<broker::Topic>("t", context, lease->begin().value());
    REQUIRE(topic->create());
    bool created = false;
    const auto channel = topic->makeChannel("c", created).value();
    // Files that nobody needs any more.
    const std::string text(1000, 'x');
    const sdk::Bytes body = sdk::asBytes(text);
    for (int i = 0; i < 50; ++i) {
        REQUIRE(topic->append({"t", {&body, 1}, 0ms}));
        topic->commit();
    }
    REQUIRE(topic->emptyChannel(*channel));
    const auto onDisk = [&] {
        std::map<fs::path, std::vector<std::byte>> files;
        for (const auto& entry : fs::directory_iterator{storage::topicDirectory(data.path(), "t")})
            files[entry.path()] = storage::readFile(entry.path()).value();
        return files;
    };
    REQUIRE(topic->beginImport());
    REQUIRE(topic->import({1'000, 0, body}));
    REQUIRE(topic->commitImport(channel.get()));
    const auto before = onDisk();
    CHECK_FALSE(topic->keep());
    CHECK((onDisk() == before));
    REQUIRE(topic->endImport({}));
    topic->keep();
    CHECK(onDisk().size() < before.size() - 1);  // not only the journal of the import has gone
}

TEST_CASE("what cannot be read is warned of and set aside", "[broker][take_over]") {
    StockServer server;
    server.queue("t", "c", numbered(3));
    {
        std::ofstream file{server.path() / "t:c.diskqueue.000000.dat", std::ios::app | std::ios::binary};
        file << stockRecord("salvaged") << std::string(100, '\x7f');
    }
    server.start();
    CHECK(server.drain("t", "c") == numbered(3) + Texts{"salvaged"});
    CHECK_THAT(server.log(), Catch::Contains("t:c.diskqueue.000000.dat: byte "));
    CHECK(fs::exists(server.path() / "t:c.diskqueue.000000.dat.bad"));
    CHECK(server.isTaken());
}

}  // namespace
}  // namespace nsq::test
