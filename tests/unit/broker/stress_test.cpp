// Several threads, each with a loop of its own, as in the server.

#include <catch2/catch.hpp>

#include <atomic>
#include <functional>
#include <map>
#include <random>
#include <thread>

#include "unit/broker/fixture.h"

namespace nsq::test {
namespace {

constexpr int kLoops = 4;
constexpr std::chrono::seconds kDeadline{120};

/// Runs `body` on threads with a loop each, and waits for them.
void onLoops(int count, const std::function<void(int, TestLoop&)>& body) {
    std::vector<std::unique_ptr<TestLoop>> loops;
    std::vector<std::thread> threads;
    for (int i = 0; i < count; ++i) loops.push_back(std::make_unique<TestLoop>());
    for (int i = 0; i < count; ++i) {
        threads.emplace_back([&, i] { body(i, *loops[static_cast<std::size_t>(i)]); });
    }
    for (std::thread& thread : threads) thread.join();
}

/// Publishes numbers from a loop, one after the other's outcome.
class Source final : private sdk::PublishListener {
public:
    Source(broker::Broker& broker, TestLoop& loop) : publisher_(broker.openPublisher(loop, *this)) {}

    /// False when the broker refuses.
    bool publish(const std::string& topic, std::size_t first, std::size_t count,
                 std::chrono::milliseconds delay) {
        const Texts texts = numbered(count, first);
        std::vector<sdk::Bytes> bodies;
        for (const std::string& text : texts) bodies.push_back(sdk::asBytes(text));
        return publisher_->publish({topic, bodies, delay}, first).ok();
    }
    std::size_t pending() const { return publisher_->pending(); }

private:
    void onPublished(std::span<const sdk::PublishOutcome>) override {}

    std::unique_ptr<sdk::Publisher> publisher_;
};

/// A consumer that finishes most of what it gets and does everything else with the rest. It counts what it
/// has finished. No Catch2 here: it is not thread-safe.
class Worker final : private sdk::SubscriptionListener {
public:
    using Done = std::vector<std::atomic<int>>;

    Worker(broker::Broker& broker, TestLoop& loop, const std::string& topic, const std::string& channel,
           Done& done, unsigned seed)
        : random_(seed), done_(done) {
        auto subscribed = broker.subscribe(topic, channel, {50ms, 0}, loop, *this);
        if (!subscribed) return;
        subscription_ = std::move(subscribed).value();
        subscription_->setReady(1 + random_() % 300);
    }

    bool open() const { return subscription_ && !closed_; }

    /// Takes and works: as a session does after each turn.
    void work() {
        ready_ = false;
        std::vector<sdk::MessageRun> runs;
        subscription_->take(random_() % 4 == 0 ? random_() % 2000 : SIZE_MAX, runs);
        for (const sdk::MessageRun& run : runs) {
            for (const ReadMessage& message : decode(run.frames)) handle(message);
        }
    }
    bool ready() const { return ready_; }

private:
    void handle(const ReadMessage& message) {
        const sdk::MessageId id{message.id};
        const auto kind = random_() % 20;
        if (kind == 0) {
            static_cast<void>(subscription_->requeue(id, 0ms));
        } else if (kind == 1) {
            static_cast<void>(subscription_->requeue(id, std::chrono::milliseconds{1 + random_() % 10}));
        } else if (kind == 2 && message.attempts < 3) {
            return;  // let it time out
        } else {
            if (kind < 6) static_cast<void>(subscription_->touch(id));
            const sdk::MessageId ids[] = {id};
            // Too late, it may have timed out: then it comes again.
            if (subscription_->finish(ids).empty()) ++done_[std::stoul(message.body)];
        }
    }
    void onMessagesReady() override { ready_ = true; }
    void onSubscriptionClosed() override { closed_ = true; }

    std::mt19937 random_;
    Done& done_;
    bool ready_ = false;
    bool closed_ = false;
    std::unique_ptr<sdk::Subscription> subscription_;
};

TEST_CASE("nothing is lost or finished twice when loops publish and consume at once", "[broker][stress]") {
    constexpr std::size_t kPerLoop = 6000;
    constexpr std::size_t kTotal = kPerLoop * kLoops;
    Server server;
    REQUIRE(server->createTopic("t"));
    const Texts channels{"x", "y"};
    for (const std::string& channel : channels) REQUIRE(server->createChannel("t", channel));
    std::vector<Worker::Done> done(2);
    for (Worker::Done& each : done) each = Worker::Done(kTotal);
    std::atomic<bool> late{false};
    const Clock::time_point deadline = Clock::now() + kDeadline;

    onLoops(kLoops, [&](int index, TestLoop& loop) {
        const auto seed = static_cast<unsigned>(index);
        std::mt19937 random{seed};
        Source source{*server, loop};
        std::vector<std::unique_ptr<Worker>> workers(4);
        std::size_t next = static_cast<std::size_t>(index) * kPerLoop;
        const std::size_t end = next + kPerLoop;
        unsigned generation = seed * 1000;
        const auto allDone = [&] {
            std::uint64_t finished = 0;
            for (const auto& topic : server->stats({"t", {}})) {
                for (const auto& channel : topic.channels) finished += channel.finishCount;
            }
            return finished == 2 * kTotal;
        };
        while (!allDone() && !late) {
            for (std::size_t w = 0; w < workers.size(); ++w) {
                // Consumers come and go while there is work.
                if (!workers[w] || (next < end && random() % 100 == 0)) {
                    workers[w] = std::make_unique<Worker>(*server, loop, "t", channels[w % 2], done[w % 2],
                                                          ++generation);
                }
                if (workers[w]->open()) workers[w]->work();
            }
            if (next < end) {
                const std::size_t count = std::min<std::size_t>(1 + random() % 40, end - next);
                if (source.publish("t", next, count, random() % 10 == 0 ? 3ms : 0ms)) next += count;
            }
            loop.turn();
            if (Clock::now() > deadline) late = true;
        }
    });

    CHECK_FALSE(late);
    for (const Worker::Done& each : done) {
        CHECK(std::ranges::all_of(each, [](const std::atomic<int>& count) { return count == 1; }));
    }
    for (const std::string& channel : channels) {
        const sdk::ChannelStats stats = server.channel("t", channel);
        CHECK(stats.messageCount == kTotal);
        CHECK(stats.finishCount == kTotal);
        CHECK(stats.timeoutCount > 0);
        CHECK(stats.clientCount == 0);
    }
    server.checkCounters();
    TestLoop loop;
    CHECK(loop.runUntil([&] { return server.topic("t").memoryBytes == 0; }));
}

TEST_CASE("a sleeping consumer is always told", "[broker][stress]") {
    // Consumers act on news only: a lost wake-up ends this test by its deadline.
    constexpr std::size_t kTotal = 20'000;
    Server server;
    REQUIRE(server->createTopic("t"));
    REQUIRE(server->createChannel("t", "c"));
    std::atomic<std::size_t> finished{0};
    std::atomic<bool> late{false};
    onLoops(3, [&](int index, TestLoop& loop) {
        if (index == 0) {
            Source source{*server, loop};
            for (std::size_t next = 0; next < kTotal && !late; ++next) {
                if (!source.publish("t", next, 1, 0ms)) late = true;
                loop.settle();
                if (next % 64 != 0) continue;
                // Meanwhile take something away from before their noses; then let them fall asleep.
                static_cast<void>(server->pauseTopic("t", true));
                if (!source.publish("t", kTotal, 1, 0ms)) late = true;
                loop.settle();
                static_cast<void>(server->emptyTopic("t"));
                static_cast<void>(server->pauseTopic("t", false));
                if (!loop.runUntil([&] { return finished > next || late; }, kDeadline)) late = true;
            }
            return;
        }
        struct Sleeper final : sdk::SubscriptionListener {
            void onMessagesReady() override {
                std::vector<sdk::MessageRun> runs;
                subscription->take(SIZE_MAX, runs);
                std::vector<sdk::MessageId> ids;
                for (const sdk::MessageRun& run : runs) {
                    for (const ReadMessage& message : decode(run.frames)) ids.push_back({message.id});
                }
                *finished += ids.size() - subscription->finish(ids).size();
            }
            void onSubscriptionClosed() override {}
            std::atomic<std::size_t>* finished;
            std::unique_ptr<sdk::Subscription> subscription;
        } sleeper;
        sleeper.finished = &finished;
        auto subscribed = server->subscribe("t", "c", {kLong, 0}, loop, sleeper);
        if (!subscribed) {
            late = true;
            return;
        }
        sleeper.subscription = std::move(subscribed).value();
        sleeper.subscription->setReady(1'000'000);
        if (!loop.runUntil([&] { return finished == kTotal || late; }, kDeadline)) late = true;
    });
    CHECK_FALSE(late);
    CHECK(finished == kTotal);
    server.checkCounters();
}

TEST_CASE("administration at full speed leaves the counters right", "[broker][stress]") {
    broker::BrokerConfig config;
    config.memQueueSize = 50;
    Server server{config};
    const Texts topics{"a", "b#ephemeral"};
    const Texts channels{"x", "y", "z#ephemeral"};
    Worker::Done ignored(1'000'000);
    std::atomic<int> running{3};
    onLoops(5, [&](int index, TestLoop& loop) {
        std::mt19937 random{static_cast<unsigned>(index) + 77};
        const auto pick = [&](const Texts& of) -> const std::string& { return of[random() % of.size()]; };
        if (index == 0) {
            for (int i = 0; running > 0; ++i) {
                const std::string& topic = pick(topics);
                const std::string& channel = pick(channels);
                switch (random() % 12) {
                    case 0:
                        static_cast<void>(server->pauseTopic(topic, random() % 2 == 0));
                        break;
                    case 1:
                        static_cast<void>(server->pauseChannel(topic, channel, random() % 2 == 0));
                        break;
                    case 2:
                        static_cast<void>(server->emptyTopic(topic));
                        break;
                    case 3:
                        static_cast<void>(server->emptyChannel(topic, channel));
                        break;
                    case 4:
                        static_cast<void>(server->deleteChannel(topic, channel));
                        break;
                    case 5:
                        if (random() % 4 == 0) static_cast<void>(server->deleteTopic(topic));
                        break;
                    case 6:
                        static_cast<void>(server->createChannel(topic, channel));
                        break;
                    default:
                        static_cast<void>(server->stats({}));
                }
            }
            return;
        }
        if (index == 4) {
            // As an HTTP thread publishes.
            for (std::size_t i = 0; running > 0; ++i) {
                const std::string text = std::to_string(i % 1'000'000);
                const sdk::Bytes bodies[] = {sdk::asBytes(text)};
                static_cast<void>(server->publish({pick(topics), bodies, 0ms}));
                std::this_thread::yield();
            }
            return;
        }
        Source source{*server, loop};
        std::vector<std::unique_ptr<Worker>> workers(4);
        for (unsigned round = 0; round < 3000; ++round) {
            for (auto& worker : workers) {
                if (!worker || !worker->open() || random() % 50 == 0) {
                    worker = std::make_unique<Worker>(*server, loop, pick(topics), pick(channels), ignored,
                                                      round * 10 + static_cast<unsigned>(index));
                }
                if (worker->open()) worker->work();
            }
            static_cast<void>(source.publish(pick(topics), random() % 100'000, 1 + random() % 10,
                                             random() % 8 == 0 ? 2ms : 0ms));
            loop.turn();
        }
        workers.clear();
        loop.settle();
        --running;
    });
    for (const std::string& topic : topics) static_cast<void>(server->pauseTopic(topic, false));
    server.checkCounters();
    server.restart();
    server.checkCounters();
}

}  // namespace
}  // namespace nsq::test
