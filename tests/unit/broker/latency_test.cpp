// Latencies as a broker keeps them: from a message's timestamp to its FIN.

#include <catch2/catch.hpp>

#include "broker/saved_time.h"
#include "unit/broker/stock_server.h"

namespace nsq::test {
namespace {

constexpr std::chrono::nanoseconds kHour = 1h;

broker::BrokerConfig withQuantiles(std::vector<double> quantiles = {1.0, 0.5}) {
    broker::BrokerConfig config;
    config.latencyQuantiles = std::move(quantiles);
    return config;
}

/// The message was published a while ago, and that is what the numbers say.
void checkIsFrom(const sdk::LatencyStats& latency, std::chrono::nanoseconds ago) {
    REQUIRE(latency.percentiles.size() == 2);
    for (const auto& percentile : latency.percentiles) {
        CHECK(percentile.value >= ago);
        CHECK(percentile.value < ago + 20min);  // so long takes no test
    }
}

/// Leaves messages in a stock nsqd's queue for the channel `c`, each published that long ago.
void leave(const StockServer& server, const std::vector<std::chrono::nanoseconds>& ages) {
    auto writer = storage::StockQueueWriter::create(server.path(), "t", "c", 1 << 20).value();
    const auto id = std::as_bytes(std::span{kId}).first<storage::stock::kIdLength>();
    for (const auto age : ages) {
        REQUIRE(writer.append(broker::unixNow() - age.count(), 0, id, sdk::asBytes(std::string_view{"x"})));
    }
    REQUIRE(writer.close());
}

TEST_CASE("without percentiles no latencies are kept", "[broker][latency]") {
    Server server;
    TestLoop loop;
    Consumer consumer{*server, loop, "t", "c"};
    server.publish("t", {"x"});
    for (const ReadMessage& message : consumer.take()) CHECK(consumer.finish(message));
    CHECK(server.channel("t", "c").finishCount == 1);
    CHECK(server.channel("t", "c").latency.count == 0);
    CHECK(server.channel("t", "c").latency.percentiles.empty());
    CHECK(server.topic("t").latency.percentiles.empty());
}

TEST_CASE("percentiles come in the order of the option, and are 0 at first", "[broker][latency]") {
    Server server{withQuantiles({0.99, 1.0, 0.5})};
    REQUIRE(server->createTopic("t"));
    CHECK(server.topic("t").latency.percentiles.empty());  // no channels: nothing to tell
    REQUIRE(server->createChannel("t", "c"));
    for (const auto& latency : {server.topic("t").latency, server.channel("t", "c").latency}) {
        CHECK(latency.count == 0);
        REQUIRE(latency.percentiles.size() == 3);
        CHECK(latency.percentiles[0].quantile == 0.99);
        CHECK(latency.percentiles[1].quantile == 1.0);
        CHECK(latency.percentiles[2].quantile == 0.5);
        for (const auto& percentile : latency.percentiles) CHECK(percentile.value == 0ns);
    }
}

TEST_CASE("a FIN notes the time since the message was published", "[broker][latency]") {
    Server server{withQuantiles()};
    TestLoop loop;
    Consumer consumer{*server, loop, "t", "c"};
    Consumer other{*server, loop, "t", "d"};
    server.publish("t", numbered(500));
    const auto messages = consumer.take();
    REQUIRE(messages.size() == 500);
    const std::int64_t before = broker::unixNow();
    std::vector<sdk::MessageId> ids;
    for (const ReadMessage& message : messages) ids.push_back({message.id});
    CHECK(consumer->finish(ids).empty());
    const std::int64_t after = broker::unixNow();
    for (const auto& latency : {server.channel("t", "c").latency, server.topic("t").latency}) {
        CHECK(latency.count == 500);
        REQUIRE(latency.percentiles.size() == 2);
        for (const auto& percentile : latency.percentiles) {
            CHECK(percentile.value.count() >= before - messages[0].timestampNs);
            CHECK(percentile.value.count() <= after - messages[0].timestampNs);
        }
    }
    CHECK(server.channel("t", "d").latency.count == 0);
}

TEST_CASE("a FIN that fails, a requeue and a timeout note nothing", "[broker][latency]") {
    Server server{withQuantiles()};
    TestLoop loop;
    Consumer consumer{*server, loop, "t", "c", 10, {50ms, 0}};
    server.publish("t", {"a", "b"});
    const auto messages = consumer.take();
    REQUIRE(messages.size() == 2);
    CHECK_FALSE(consumer.finish(12345));
    REQUIRE(consumer->requeue({messages[0].id}, 0ms));
    REQUIRE(loop.runUntil([&] { return server.channel("t", "c").timeoutCount == 1; }));
    CHECK(server.channel("t", "c").latency.count == 0);
}

TEST_CASE("each message of a batch has its own time", "[broker][latency]") {
    StockServer server{withQuantiles({1.0, 0.75, 0.5, 0.25})};
    leave(server, {kHour, 4 * kHour, 2 * kHour, 3 * kHour});
    server.start();
    TestLoop loop;
    Consumer consumer{*server, loop, "t", "c"};
    const auto messages = consumer.take();
    REQUIRE(messages.size() == 4);
    for (const ReadMessage& message : messages) CHECK(consumer.finish(message));
    const auto latency = server.channel("t", "c").latency;
    CHECK(latency.count == 4);
    for (std::size_t i = 0; i < 4; ++i) {
        const double hours = std::chrono::duration<double>(latency.percentiles.at(i).value) / kHour;
        CHECK(hours == Approx(4.0 - static_cast<double>(i)).epsilon(0.05));
    }
}

TEST_CASE("a message keeps its time however often it comes", "[broker][latency]") {
    StockServer server{withQuantiles()};
    leave(server, {kHour});
    server.start();
    TestLoop loop;
    auto consumer = std::make_unique<Consumer>(*server, loop, "t", "c", 10);
    auto messages = consumer->take();
    REQUIRE(messages.size() == 1);
    const auto again = [&] {
        messages = consumer->takeSome();
        REQUIRE(messages.size() == 1);
    };
    SECTION("at first") {}
    SECTION("touched") {
        REQUIRE((*consumer)->touch({messages[0].id}));
    }
    SECTION("requeued") {
        REQUIRE((*consumer)->requeue({messages[0].id}, 0ms));
        again();
    }
    SECTION("requeued and touched") {
        REQUIRE((*consumer)->requeue({messages[0].id}, 0ms));
        again();
        REQUIRE((*consumer)->touch({messages[0].id}));
    }
    SECTION("deferred") {
        REQUIRE((*consumer)->requeue({messages[0].id}, 5ms));
        again();
    }
    SECTION("after a restart") {
        consumer.reset();
        server.restart();
        consumer = std::make_unique<Consumer>(*server, loop, "t", "c", 10);
        again();
    }
    CHECK(consumer->finish(messages[0]));
    CHECK(server.channel("t", "c").latency.count == 1);
    checkIsFrom(server.channel("t", "c").latency, kHour);
    checkIsFrom(server.topic("t").latency, kHour);
}

TEST_CASE("a topic's latencies are those of all its channels, whichever are asked for", "[broker][latency]") {
    StockServer server{withQuantiles()};
    leave(server, {kHour});
    server.start();
    TestLoop loop;
    Consumer old{*server, loop, "t", "c"};
    Consumer fresh{*server, loop, "t", "a"};
    server.publish("t", {"x", "y"});
    for (const ReadMessage& message : fresh.take()) CHECK(fresh.finish(message));
    CHECK(old.finish(old.take().at(0)));
    CHECK(server.channel("t", "a").latency.count == 2);
    CHECK(server.channel("t", "a").latency.percentiles.at(0).value < kHour);
    CHECK(server.channel("t", "c").latency.count == 1);
    for (const auto* channel : {"a", "c", "none", ""}) {
        const sdk::TopicStats topic = server->stats({"t", channel}).at(0);
        CHECK(topic.latency.count == 3);
        CHECK(topic.latency.percentiles.at(0).value >= kHour);
        CHECK(topic.latency.percentiles.at(1).value < kHour);
    }
}

TEST_CASE("what is older than the window does not count", "[broker][latency]") {
    broker::BrokerConfig config = withQuantiles();
    config.latencyWindow = 200ms;
    Server server{config};
    TestLoop loop;
    Consumer consumer{*server, loop, "t", "c"};
    server.publish("t", {"x"});
    CHECK(consumer.finish(consumer.take().at(0)));
    CHECK(loop.runUntil([&] { return server.channel("t", "c").latency.count == 0; }));
    CHECK(server.channel("t", "c").latency.percentiles.size() == 2);
    CHECK(server.channel("t", "c").finishCount == 1);
}

}  // namespace
}  // namespace nsq::test
