#include "cluster/starting_topics.h"

#include <catch2/catch.hpp>

namespace nsq::cluster {
namespace {

using namespace std::chrono_literals;
using Channels = std::set<std::string>;

/// What it was told to start or to give up.
class Calls {
public:
    StartingTopics::Start start() {
        return [this](const std::string& topic, Channels channels) { add(topic, std::move(channels)); };
    }
    StartingTopics::GiveUp giveUp() {
        return [this](std::uint64_t number) { add("give up " + std::to_string(number), {}); };
    }

    /// Waits for the call; false when it does not come.
    bool has(const std::string& what, const Channels& channels) {
        std::unique_lock lock{mutex_};
        return added_.wait_for(lock, 20s, [&] { return calls_.contains({what, channels}); });
    }
    std::size_t count() {
        const std::lock_guard lock{mutex_};
        return calls_.size();
    }

private:
    void add(const std::string& what, Channels channels) {
        const std::lock_guard lock{mutex_};
        calls_.emplace(what, std::move(channels));
        added_.notify_all();
    }

    std::mutex mutex_;
    std::condition_variable added_;
    std::multiset<std::pair<std::string, Channels>> calls_;
};

TEST_CASE("a topic starts with all channels when all answers are there", "[cluster]") {
    Calls calls;
    StartingTopics topics{1h, calls.start(), calls.giveUp()};
    const auto one = topics.add("one", 3).number;
    const auto two = topics.add("two", 1).number;
    topics.answer(one, {"a", "b"});
    topics.answer(one, {});
    topics.answer(two, {"x"});
    CHECK(calls.has("two", {"x"}));
    CHECK(calls.count() == 1);
    topics.answer(one, {"b", "c"});
    CHECK(calls.has("one", {"a", "b", "c"}));
    topics.answer(one, {"d"});
    topics.answer(77, {"d"});
    CHECK(calls.count() == 2);
}

TEST_CASE("a topic starts with what is known when the time is over", "[cluster]") {
    Calls calls;
    StartingTopics topics{5ms, calls.start(), calls.giveUp()};
    const auto added = topics.add("t", 2);
    CHECK(added.deadline <= Clock::now() + 5ms);
    topics.answer(added.number, {"a"});
    CHECK(calls.has("give up " + std::to_string(added.number), {}));
    CHECK(calls.has("t", {"a"}));
    topics.answer(added.number, {"late"});
    CHECK(calls.count() == 2);
    CHECK(Clock::now() >= added.deadline);
    // It sleeps again until there is something.
    topics.add("u", 1);
    CHECK(calls.has("u", {}));
}

TEST_CASE("what still waits at the end gets no start", "[cluster]") {
    Calls calls;
    {
        StartingTopics topics{1h, calls.start(), calls.giveUp()};
        topics.add("t", 1);
    }
    CHECK(calls.count() == 0);
}

}  // namespace
}  // namespace nsq::cluster
