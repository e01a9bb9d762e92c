#include "cluster/starting_topics.h"

#include <catch2/catch.hpp>

namespace nsq::cluster {
namespace {

using namespace std::chrono_literals;
using Channels = std::set<std::string>;

/// What it was told to start.
class Starts {
public:
    StartingTopics::Start start() {
        return [this](const std::string& topic, const broker::Identity& identity, Channels channels) {
            const std::lock_guard lock{mutex_};
            starts_.emplace(topic, std::move(channels));
            identity_ = identity;
            added_.notify_all();
        };
    }

    /// Waits for the start; false when it does not come.
    bool has(const std::string& topic, const Channels& channels) {
        std::unique_lock lock{mutex_};
        return added_.wait_for(lock, 20s, [&] { return starts_.contains({topic, channels}); });
    }
    std::size_t count() {
        const std::lock_guard lock{mutex_};
        return starts_.size();
    }
    broker::Identity identity() {
        const std::lock_guard lock{mutex_};
        return identity_;
    }

private:
    std::mutex mutex_;
    std::condition_variable added_;
    std::multiset<std::pair<std::string, Channels>> starts_;
    broker::Identity identity_;  ///< of the last one
};

TEST_CASE("a topic starts with all channels when all answers are there", "[cluster]") {
    Starts starts;
    StartingTopics topics{starts.start()};
    const auto one = topics.add("one", {}, 3);
    const auto two = topics.add("two", {}, 1);
    topics.answer(one, {"a", "b"});
    topics.answer(one, {});
    topics.answer(two, {"x"});
    CHECK(starts.has("two", {"x"}));
    CHECK(starts.count() == 1);
    topics.answer(one, {"b", "c"});
    CHECK(starts.has("one", {"a", "b", "c"}));
    CHECK(starts.count() == 2);
}

TEST_CASE("topics of one name are told apart", "[cluster]") {
    Starts starts;
    StartingTopics topics{starts.start()};
    const auto first = std::make_shared<int>();
    const auto second = std::make_shared<int>();
    const auto one = topics.add("t", first, 1);
    const auto two = topics.add("t", second, 1);
    topics.answer(one, {"old"});
    CHECK(starts.has("t", {"old"}));
    CHECK(broker::isSame(starts.identity(), first));
    topics.answer(two, {"new"});
    CHECK(starts.has("t", {"new"}));
    CHECK(broker::isSame(starts.identity(), second));
}

TEST_CASE("what still waits at the end gets no start", "[cluster]") {
    Starts starts;
    StartingTopics topics{starts.start()};
    const auto number = topics.add("t", {}, 1);
    topics.stop();
    topics.answer(number, {"late"});
    topics.stop();
    CHECK(starts.count() == 0);
}

}  // namespace
}  // namespace nsq::cluster
