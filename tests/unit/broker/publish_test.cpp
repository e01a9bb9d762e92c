#include <catch2/catch.hpp>

#include <functional>
#include <set>
#include <stdexcept>

#include "unit/broker/fixture.h"

namespace nsq::test {
namespace {

using sdk::ErrorCode;

/// A publisher with the outcomes it got.
class TestPublisher final : private sdk::PublishListener {
public:
    TestPublisher(broker::Broker& broker, TestLoop& loop) : publisher(broker.openPublisher(loop, *this)) {}

    sdk::Result<void> publish(const std::string& topic, const Texts& texts, std::uint64_t tag,
                              std::chrono::milliseconds delay = 0ms) {
        std::vector<sdk::Bytes> bodies;
        for (const std::string& text : texts) bodies.push_back(sdk::asBytes(text));
        return publisher->publish({topic, bodies, delay}, tag);
    }

    std::vector<std::uint64_t> tags;
    int calls = 0;
    std::function<void()> onOutcome = [] {};
    std::unique_ptr<sdk::Publisher> publisher;

private:
    void onPublished(std::span<const sdk::PublishOutcome> outcomes) override {
        ++calls;
        for (const sdk::PublishOutcome& outcome : outcomes) {
            CHECK(outcome.error == nullptr);
            tags.push_back(outcome.tag);
        }
        const std::function<void()> then = onOutcome;  // it may end this publisher
        then();
    }
};

TEST_CASE("outcomes come together at the turn's end, in order", "[broker][publish]") {
    Server server;
    TestLoop loop;
    TestPublisher publisher{*server, loop};
    REQUIRE(publisher.publish("a", {"1"}, 11));
    REQUIRE(publisher.publish("b", {"2", "3"}, 12));
    REQUIRE(publisher.publish("a", {"4"}, 13, 1000ms));
    CHECK(publisher.publisher->pending() == 3);
    CHECK(publisher.tags.empty());
    loop.turn();
    CHECK(publisher.tags == std::vector<std::uint64_t>{11, 12, 13});
    CHECK(publisher.calls == 1);
    CHECK(publisher.publisher->pending() == 0);
    CHECK_FALSE(loop.turn());
    CHECK(server.topic("a").messageCount == 2);
    CHECK(server.topic("b").messageBytes == 2);
}

TEST_CASE("messages are not delivered before their commit", "[broker][publish]") {
    Server server;
    TestLoop loop;
    Consumer consumer{*server, loop, "t", "c"};
    TestPublisher publisher{*server, loop};
    REQUIRE(publisher.publish("t", {"x"}, 1));
    CHECK(consumer.take().empty());
    CHECK(server.channel("t", "c").messageCount == 0);
    loop.turn();
    CHECK(bodiesOf(consumer.take()) == Texts{"x"});
    server.checkCounters();
}

TEST_CASE("many publishers of a loop are each told once", "[broker][publish]") {
    Server server;
    TestLoop loop;
    std::vector<std::unique_ptr<TestPublisher>> publishers;
    for (int i = 0; i < 20; ++i) publishers.push_back(std::make_unique<TestPublisher>(*server, loop));
    for (std::uint64_t round = 0; round < 3; ++round) {
        for (auto& publisher : publishers) REQUIRE(publisher->publish("t", {"x"}, round));
        loop.turn();
    }
    for (auto& publisher : publishers) CHECK(publisher->tags == std::vector<std::uint64_t>{0, 1, 2});
    CHECK(server.topic("t").depth == 60);
}

TEST_CASE("a publisher that goes abandons its outcome, not its messages", "[broker][publish]") {
    Server server;
    TestLoop loop;
    TestPublisher staying{*server, loop};
    {
        TestPublisher leaving{*server, loop};
        REQUIRE(leaving.publish("t", {"kept"}, 1));
        REQUIRE(staying.publish("t", {"too"}, 2));
    }
    loop.turn();
    CHECK(staying.tags == std::vector<std::uint64_t>{2});
    CHECK(server.topic("t").depth == 2);
    {
        // The only one of its turn.
        TestPublisher leaving{*server, loop};
        REQUIRE(leaving.publish("t", {"kept"}, 1));
    }
    loop.turn();
    CHECK(server.topic("t").depth == 3);
}

TEST_CASE("a listener that throws keeps no outcome from the others", "[broker][publish]") {
    Server server;
    TestLoop loop;
    TestPublisher bad{*server, loop};
    TestPublisher good{*server, loop};
    bad.onOutcome = [] { throw std::runtime_error("a plugin's bug"); };
    for (std::uint64_t round = 1; round <= 2; ++round) {
        REQUIRE(bad.publish("t", {"a"}, round));
        REQUIRE(good.publish("t", {"b"}, round));
        CHECK_THROWS(loop.turn());
        CHECK(good.tags.size() == round);
    }
    REQUIRE(good.publish("t", {"c"}, 3));
    loop.turn();
    CHECK(good.tags == std::vector<std::uint64_t>{1, 2, 3});
}

TEST_CASE("a listener may publish again, and end its own and other publishers", "[broker][publish]") {
    Server server;
    TestLoop loop;
    auto first = std::make_unique<TestPublisher>(*server, loop);
    auto second = std::make_unique<TestPublisher>(*server, loop);
    TestPublisher third{*server, loop};
    first->onOutcome = [&] {
        second.reset();
        first.reset();
    };
    third.onOutcome = [&] {
        if (third.calls == 1) REQUIRE(third.publish("t", {"again"}, 31));
    };
    REQUIRE(first->publish("t", {"a"}, 1));
    REQUIRE(second->publish("t", {"b"}, 2));
    REQUIRE(third.publish("t", {"c"}, 30));
    loop.settle();
    CHECK(first == nullptr);
    CHECK(third.tags == std::vector<std::uint64_t>{30, 31});
    CHECK(server.topic("t").depth == 4);
}

TEST_CASE("a publish that is refused has no outcome", "[broker][publish]") {
    Server server;
    TestLoop loop;
    TestPublisher publisher{*server, loop};
    const auto bad = publisher.publish("not valid", {"x"}, 1);
    REQUIRE_FALSE(bad);
    CHECK(bad.error().code == ErrorCode::kBadTopic);
    CHECK(publisher.publisher->pending() == 0);
    REQUIRE(publisher.publish("t", {"x"}, 2));
    server->refusePublishes();
    const auto late = publisher.publish("t", {"y"}, 3);
    REQUIRE_FALSE(late);
    CHECK(late.error().code == ErrorCode::kExiting);
    CHECK(publisher.publish("new", {"y"}, 3).error().code == ErrorCode::kExiting);
    CHECK(server->publish({"t", {}, 0ms}).error().code == ErrorCode::kExiting);
    loop.turn();
    CHECK(publisher.tags == std::vector<std::uint64_t>{2});
    CHECK(server.topic("t").messageCount == 1);
    CHECK_FALSE(server->hasTopic("new"));
}

TEST_CASE("when the server is exiting nobody joins and nothing is made", "[broker][publish]") {
    Server server;
    TestLoop loop;
    server->refusePublishes();
    struct Listener final : sdk::SubscriptionListener {
        void onMessagesReady() override {}
        void onSubscriptionClosed() override {}
    } listener;
    CHECK(server->subscribe("t", "c", {kLong, 0}, loop, listener).error().code == ErrorCode::kExiting);
    CHECK(server->createTopic("t").error().code == ErrorCode::kExiting);
    CHECK_FALSE(server->hasTopic("t"));
}

TEST_CASE("a topic deleted under a publisher is made anew by its next publish", "[broker][publish]") {
    Server server;
    TestLoop loop;
    TestPublisher publisher{*server, loop};
    REQUIRE(publisher.publish("t", {"old"}, 1));
    loop.turn();
    REQUIRE(server->deleteTopic("t"));
    REQUIRE(publisher.publish("t", {"new"}, 2));
    // Deleted before the turn's end: its messages go with it.
    REQUIRE(publisher.publish("u", {"gone"}, 3));
    REQUIRE(server->deleteTopic("u"));
    loop.turn();
    CHECK(publisher.tags == std::vector<std::uint64_t>{1, 2, 3});
    CHECK(server.topic("t").depth == 1);
    CHECK_FALSE(server->hasTopic("u"));
}

TEST_CASE("a deleted topic gives its memory back though a publisher still knows it", "[broker][publish]") {
    Server server;
    TestLoop loop;
    TestPublisher publisher{*server, loop};
    // A run read from it knows its account of memory.
    REQUIRE(publisher.publish("t", {std::string(3'000'000, 'x')}, 1));
    loop.turn();
    std::weak_ptr<broker::Topic> topic;
    {
        std::shared_ptr<broker::Topic> found;
        const std::string body = "y";
        const sdk::Bytes bodies[] = {sdk::asBytes(body)};
        REQUIRE(server->append({"t", bodies, 0ms}, found));
        REQUIRE(server->append({"t", bodies, kLong}, found));
        topic = found;
    }
    for (int i = 0; i < 20; ++i) {
        REQUIRE(publisher.publish("t", {std::string(200'000, 'x')}, 2));
        loop.turn();
    }
    REQUIRE(server->deleteTopic("t"));
    const std::shared_ptr<broker::Topic> left = topic.lock();
    REQUIRE(left);
    CHECK(left->stats({}).memoryBytes < 300'000);
}

TEST_CASE("publish without a loop commits at once", "[broker][publish]") {
    Server server;
    server.publish("t", {"a", "b"});
    CHECK(server.topic("t").depth == 2);
    CHECK(server.topic("t").messageBytes == 2);
    const std::string body = "x";
    const sdk::Bytes bodies[] = {sdk::asBytes(body)};
    CHECK(server->publish({"no good", bodies, 0ms}).error().code == ErrorCode::kBadTopic);
}

TEST_CASE("ids are unique in a topic that is deleted and made again", "[broker][publish]") {
    broker::BrokerConfig config;
    config.nodeId = 1023;
    Server server{config};
    TestLoop loop;
    std::set<std::uint64_t> ids;
    for (int round = 0; round < 20; ++round) {
        server.publish("t", numbered(100));
        Consumer consumer{*server, loop, "t", "c"};
        for (const ReadMessage& message : consumer.take()) {
            CHECK(message.id >> storage::TopicLog::kSeqBits == 1023);
            CHECK(ids.insert(message.id).second);
        }
        REQUIRE(server->deleteTopic("t"));
    }
    CHECK(ids.size() == 2000);
}

}  // namespace
}  // namespace nsq::test
