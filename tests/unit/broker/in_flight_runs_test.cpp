#include "broker/in_flight_runs.h"

#include <catch2/catch.hpp>

#include <random>
#include <set>

namespace nsq::broker {
namespace {

InFlightRun makeRun(std::uint64_t firstSeq, std::uint32_t count) {
    InFlightRun run;
    run.firstSeq = firstSeq;
    run.count = run.live = count;
    for (std::uint32_t i = 0; i < count; ++i) run.unfinished.set(i);
    run.deadline = Clock::time_point{std::chrono::seconds{firstSeq}};
    return run;
}

TEST_CASE("runs find what is in flight, and nothing else", "[in_flight_runs]") {
    InFlightRuns runs;
    CHECK(runs.empty());
    CHECK(runs.find(1) == nullptr);
    CHECK(runs.nextDeadline() == Clock::time_point::max());
    runs.add(makeRun(10, 3));
    runs.add(makeRun(20, InFlightRun::kMost));
    CHECK(runs.live() == 3 + InFlightRun::kMost);
    for (const std::uint64_t seq : {9, 13, 19, 20 + 256}) CHECK(runs.find(seq) == nullptr);
    for (const std::uint64_t seq : {10, 12, 20, 20 + 255}) CHECK(runs.find(seq) != nullptr);
    runs.release(*runs.find(11), 11);
    CHECK(runs.find(11) == nullptr);
    CHECK(runs.live() == 2 + InFlightRun::kMost);
    CHECK(runs.nextDeadline() == makeRun(10, 1).deadline);
    CHECK(runs.popFront().firstSeq == 10);
    CHECK(runs.live() == InFlightRun::kMost);
    CHECK(runs.nextDeadline() == makeRun(20, 1).deadline);
    runs.clear();
    CHECK(runs.empty());
    CHECK(runs.live() == 0);
}

TEST_CASE("one old message does not keep finished runs behind it", "[in_flight_runs]") {
    InFlightRuns runs;
    runs.add(makeRun(0, 1));
    std::size_t longest = 0;
    for (std::uint64_t seq = 1; seq < 10'000; ++seq) {
        runs.add(makeRun(seq, 1));
        runs.release(*runs.find(seq), seq);
        longest = std::max(longest, static_cast<std::size_t>(std::distance(runs.begin(), runs.end())));
    }
    CHECK(longest < 200);
    CHECK(runs.live() == 1);
    runs.release(*runs.find(0), 0);
    CHECK(runs.empty());
}

TEST_CASE("runs agree with a set, whatever the order", "[in_flight_runs]") {
    const auto seed = GENERATE(range(1u, 6u));
    std::mt19937 random{seed};
    InFlightRuns runs;
    std::set<std::uint64_t> expected;
    std::uint64_t next = 0;
    for (int step = 0; step < 20'000; ++step) {
        const auto kind = random() % 100;
        if (kind < 30) {
            next += random() % 5;
            const std::uint32_t count = 1 + random() % (random() % 10 == 0 ? InFlightRun::kMost : 4);
            runs.add(makeRun(next, count));
            for (std::uint32_t i = 0; i < count; ++i) expected.insert(next + i);
            next += count;
        } else if (kind < 99 && !expected.empty()) {
            const auto at =
                random() % 3 == 0 ? expected.begin() : expected.lower_bound(random() % (next + 1));
            if (at == expected.end()) continue;
            InFlightRun* const run = runs.find(*at);
            REQUIRE(run != nullptr);
            runs.release(*run, *at);
            REQUIRE(runs.find(*at) == nullptr);
            expected.erase(at);
        } else if (!runs.empty()) {
            const InFlightRun run = runs.popFront();
            for (std::uint64_t seq = run.firstSeq; seq < run.firstSeq + run.count; ++seq) {
                REQUIRE(run.holds(seq) == expected.contains(seq));
                expected.erase(seq);
            }
        }
        REQUIRE(runs.live() == expected.size());
        REQUIRE(runs.empty() == expected.empty());
        if (!expected.empty()) {
            REQUIRE(runs.nextDeadline() <= Clock::time_point{std::chrono::seconds{*expected.begin()}});
            REQUIRE(runs.begin()->holds(*expected.begin()));
        }
    }
}

}  // namespace
}  // namespace nsq::broker
