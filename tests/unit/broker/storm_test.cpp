// Many messages at once: what is done in parts, so that others get the channel in between.

#include <sys/stat.h>

#include <catch2/catch.hpp>

#include <random>
#include <set>

#include "storage/topic_directory.h"
#include "unit/broker/fixture.h"

namespace nsq::test {
namespace {

/// Patience with a machine that does other things.
constexpr std::chrono::seconds kDeadline{120};

/// Of the file with the topic's state, which is another one each time all of it is saved.
ino_t stateInode(const Server& server) {
    struct stat status {};
    ::stat(storage::stateFile(storage::topicDirectory(server.path(), "t")).c_str(), &status);
    return status.st_ino;
}

/// Holds many messages and does with them what clients do.
class Holder {
public:
    Holder(Server& server, TestLoop& loop, std::int64_t ready) : consumer_(*server, loop, "t", "c", ready) {}

    void take() {
        for (ReadMessage& message : consumer_.take()) held_.push_back(std::move(message));
    }

    void workOnSome(std::set<std::string>& unfinished) {
        for (int i = 0; i < 200 && !held_.empty(); ++i) {
            std::swap(held_[random_() % held_.size()], held_.back());
            const ReadMessage message = held_.back();
            switch (random_() % 8) {
                case 0:
                    if (random_() % 10 > 0) break;
                    REQUIRE(consumer_.finish(message));
                    unfinished.erase(message.body);
                    held_.pop_back();
                    break;
                case 1:
                case 2:
                case 3: {
                    const std::chrono::milliseconds delay{random_() % 3};
                    REQUIRE(consumer_->requeue({message.id}, delay));
                    held_.pop_back();
                    break;
                }
                default:
                    REQUIRE(consumer_->touch({message.id}));
            }
        }
    }

private:
    Consumer consumer_;
    std::vector<ReadMessage> held_;
    std::minstd_rand random_{1};
};

TEST_CASE("what happens to messages while a long list of them is saved is saved as well", "[broker][storm]") {
    constexpr std::size_t kMessages = 35'000;  // some parts of a list
    Server server;
    TestLoop loop;
    const Texts texts = numbered(kMessages);
    server.publish("t", texts);
    REQUIRE(server->createChannel("t", "c"));
    std::set<std::string> unfinished{texts.begin(), texts.end()};
    for (int round = 0; round < 2; ++round) {
        {
            Holder holder{server, loop, kMessages / 2};  // the others wait
            ino_t inode = stateInode(server);
            int lists = 0;
            REQUIRE(loop.runUntil(
                [&] {
                    holder.take();
                    holder.workOnSome(unfinished);
                    if (std::exchange(inode, stateInode(server)) != inode) ++lists;
                    return lists >= 2;
                },
                kDeadline));
        }
        server.restart();
        std::set<std::string> found;
        Consumer consumer{*server, loop, "t", "c", kMessages};
        REQUIRE(loop.runUntil(
            [&] {
                for (const ReadMessage& message : consumer.take()) found.insert(message.body);
                return found.size() >= unfinished.size();
            },
            kDeadline));
        CHECK(found == unfinished);
        consumer.leave();
        server.restart();  // all wait again
        server.checkCounters();
    }
}

TEST_CASE("messages that came back are not kept waiting by a long backlog", "[broker][storm]") {
    constexpr std::size_t kBack = 1000;
    constexpr std::size_t kPart = 256;  // of a take
    Server server;
    TestLoop loop;
    Consumer consumer{*server, loop, "t", "c", 2500};
    server.publish("t", numbered(20'000));
    const auto first = consumer.take();
    REQUIRE(first.size() == 2500);
    for (std::size_t i = 0; i < first.size(); ++i) {
        if (i < kBack) {
            REQUIRE(consumer->requeue({first[i].id}, 0ms));
        } else {
            REQUIRE(consumer.finish(first[i]));
        }
    }
    std::size_t back = 0;
    std::size_t fresh = 0;
    std::size_t freshBefore = 0;  // the take with the last that came back
    REQUIRE(loop.runUntil([&] {
        freshBefore = fresh;
        for (const ReadMessage& message : consumer.take()) {
            ++(message.attempts > 1 ? back : fresh);
            REQUIRE(consumer.finish(message));
        }
        return back == kBack;
    }));
    CHECK(freshBefore <= kBack + 2 * kPart);
}

TEST_CASE("thousands of timeouts come in parts", "[broker][storm]") {
    constexpr std::size_t kMessages = 20'000;
    Server server;
    TestLoop loop;
    const Clock::time_point begin = Clock::now();
    bool isBetween = false;
    // A machine that does other things may see only the end of one.
    for (int storm = 0; !isBetween && Clock::now() - begin < kDeadline; ++storm) {
        const std::string topic = "t" + std::to_string(storm);
        Consumer consumer{*server, loop, topic, "c", kMessages, {20ms, 0}};
        server.publish(topic, numbered(kMessages));
        consumer.take();
        std::uint64_t timeouts = 0;
        while (timeouts == 0) timeouts = server.channel(topic, "c").timeoutCount;
        isBetween = timeouts < kMessages;
    }
    CHECK(isBetween);
    server.checkCounters();
}

TEST_CASE("one channel's storm is not before what comes due in others meanwhile", "[broker][storm]") {
    constexpr std::size_t kMessages = 100'000;
    Server server;
    REQUIRE(server->createTopic("other"));
    REQUIRE(server->createChannel("other", "c"));
    const Texts texts = numbered(kMessages);
    const Clock::time_point begin = Clock::now();
    bool isBetween = false;
    // As above.
    for (int storm = 0; !isBetween && Clock::now() - begin < kDeadline; ++storm) {
        const std::string topic = "t" + std::to_string(storm);
        REQUIRE(server->createTopic(topic));
        REQUIRE(server->createChannel(topic, "c"));
        server.publish(topic, texts, 50ms);
        server.publish("other", {"due a moment later"}, 50ms);
        while (server.channel("other", "c").depth <= storm) continue;
        isBetween = server.channel(topic, "c").deferredCount > 0;
    }
    CHECK(isBetween);
    server.checkCounters();
}

}  // namespace
}  // namespace nsq::test
