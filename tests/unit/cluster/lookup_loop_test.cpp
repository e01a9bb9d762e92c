#include "cluster/lookup_loop.h"

#include <catch2/catch.hpp>
#include <thread>

#include "unit/broker/fixture.h"
#include "unit/cluster/small_lookupd.h"

namespace nsq::test {
namespace {

/// A broker with a lookup loop.
struct Fixture {
    Fixture() {
        info.version = "1.3.0";
        info.broadcastAddress = info.hostname = "127.0.0.1";
        info.broadcastTcpPort = info.broadcastHttpPort = 1;
        loop = std::make_unique<cluster::LookupLoop>(*server, info, cluster::HttpTimeouts{20s, 20s}, logger);
        server->setListener(loop.get());
    }
    ~Fixture() {
        loop->stop();
        server->setListener(nullptr);
        loop.reset();
        server.stop();
    }

    /// Waits until the topic has given all of its messages to its channels.
    bool started(const std::string& topic, std::size_t channels) {
        return turning.runUntil([&] {
            const sdk::TopicStats stats = server.topic(topic);
            return stats.channels.size() == channels && stats.depth == 0;
        });
    }

    Server server;
    TestLoop turning;
    sdk::ServerInfo info;
    spdlog::logger logger{"test"};
    std::unique_ptr<cluster::LookupLoop> loop;
};

TEST_CASE_METHOD(Fixture, "without a lookupd nothing waits", "[cluster]") {
    REQUIRE(server->createTopic("t"));
    REQUIRE(server->createChannel("t", "c"));
    server.publish("t", {"m"});
    CHECK(server.channel("t", "c").depth == 1);
}

TEST_CASE_METHOD(Fixture, "a lookupd is registered with, and asked for channels", "[cluster]") {
    SmallLookupd lookupd;
    REQUIRE(server->createTopic("old"));
    loop->setPeers({lookupd.address(), lookupd.address()});
    CHECK(lookupd.heard("IDENTIFY"));
    CHECK(lookupd.heard("REGISTER old"));
    server.publish("t", {"m"});
    CHECK(started("t", 2));
    CHECK(server.channel("t", "a").depth == 1);
    CHECK(server.channel("t", "b").depth == 1);
    CHECK(lookupd.heard("REGISTER t b"));
    REQUIRE(server->deleteTopic("t"));
    CHECK(lookupd.heard("UNREGISTER t"));
}

TEST_CASE_METHOD(Fixture, "it stops while topics get their start", "[cluster]") {
    SmallLookupd lookupd;
    loop->setPeers({lookupd.address()});
    constexpr int kTopics = 100;
    for (int number = 0; number < kTopics; ++number) server.publish("t" + std::to_string(number), {"m"});
    CHECK(started("t0", 2));
    loop->stop();
    server->setListener(nullptr);
    for (int number = 0; number < kTopics; ++number) {
        // Started or not: nothing is lost.
        const sdk::TopicStats stats = server.topic("t" + std::to_string(number));
        for (const sdk::ChannelStats& channel : stats.channels) CHECK(channel.depth + stats.depth == 1);
    }
}

TEST_CASE_METHOD(Fixture, "topics come and go on many threads while lookupds are exchanged", "[cluster]") {
    constexpr int kThreads = 4;
    constexpr int kTopics = 40;
    SmallLookupd first;
    SmallLookupd second;
    loop->setPeers({first.address()});
    std::vector<std::thread> threads;
    for (int thread = 0; thread < kThreads; ++thread) {
        threads.emplace_back([this, thread] {
            for (int number = 0; number < kTopics; ++number) {
                const std::string name = "t" + std::to_string(thread) + "-" + std::to_string(number);
                const sdk::Bytes body = sdk::asBytes("m");
                static_cast<void>(server->publish({name, {&body, 1}}));
                static_cast<void>(server->createChannel(name, "mine"));
                if (number % 2 == 1) static_cast<void>(server->deleteTopic(name));
            }
        });
    }
    for (int round = 0; round < 10; ++round) {
        loop->setPeers({second.address()});
        loop->setPeers({"127.0.0.1:1"});
        loop->setPeers({first.address(), second.address()});
    }
    for (std::thread& thread : threads) thread.join();
    for (int thread = 0; thread < kThreads; ++thread) {
        for (int number = 0; number < kTopics; number += 2) {
            const std::string name = "t" + std::to_string(thread) + "-" + std::to_string(number);
            CAPTURE(name);
            CHECK(first.heard("REGISTER " + name + " mine"));
            CHECK(second.heard("REGISTER " + name + " mine"));
            REQUIRE(turning.runUntil([&] { return server.topic(name).depth == 0; }));
            const auto channels = server.topic(name).channels;
            for (const sdk::ChannelStats& channel : channels) {
                // "mine" may have come when the others had it already.
                if (channel.name != "mine" || channels.size() == 1) CHECK(channel.depth == 1);
            }
        }
    }
    CHECK(server->topicNames().size() == kThreads * kTopics / 2);
}

}  // namespace
}  // namespace nsq::test
