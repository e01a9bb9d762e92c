#include "broker/singles.h"

#include <catch2/catch.hpp>

#include <vector>

#include "broker/consumer.h"
#include "unit/broker/test_loop.h"

namespace nsq::broker {
namespace {

using namespace std::chrono_literals;

struct NoNews final : sdk::LoopTask {
    void run() override {}
};

/// Consumers that nobody tells anything.
struct Owners {
    test::TestLoop loop;
    NoNews news;
    Consumer a{.loop = loop, .news = news, .msgTimeout = 1ms, .sampleRate = 0};
    Consumer b{.loop = loop, .news = news, .msgTimeout = 1ms, .sampleRate = 0};
};

SingleInFlight single(std::uint64_t seq, std::chrono::seconds deadline, Consumer* owner) {
    SingleInFlight made{};
    made.message.seq = seq;
    made.deadline = Clock::time_point{deadline};
    made.owner = owner;
    return made;
}

std::vector<std::uint64_t> seqsOf(Singles& singles) {
    std::vector<std::uint64_t> seqs;
    for (const SingleInFlight& each : singles) seqs.push_back(each.message.seq);
    return seqs;
}

TEST_CASE("singles are found by number, by deadline and by owner", "[singles]") {
    Owners owners;
    Singles singles;
    CHECK(singles.earliest() == nullptr);
    CHECK(singles.find(1) == nullptr);
    singles.add(single(5, 30s, &owners.a));
    singles.add(single(3, 10s, &owners.b));
    singles.add(single(4, 20s, &owners.a));
    singles.add(single(9, 10s, nullptr));
    CHECK(singles.size() == 4);
    CHECK(seqsOf(singles) == std::vector<std::uint64_t>{3, 4, 5, 9});
    CHECK(singles.after(4)->message.seq == 5);
    CHECK(singles.after(9) == singles.end());
    CHECK(singles.find(4)->owner == &owners.a);
    CHECK(singles.earliest()->message.seq == 3);
    CHECK(owners.a.singles.size() == 2);
    CHECK(owners.b.singles.size() == 1);

    CHECK(singles.remove(*singles.find(3)).owner == &owners.b);
    CHECK(owners.b.singles.size() == 0);
    CHECK(singles.earliest()->message.seq == 9);
    CHECK(singles.find(3) == nullptr);
}

TEST_CASE("the later flight of the same message counts", "[singles]") {
    Owners owners;
    Singles singles;
    singles.add(single(7, 10s, &owners.a));
    singles.add(single(7, 20s, &owners.b));
    CHECK(singles.size() == 1);
    CHECK(owners.a.singles.size() == 0);
    CHECK(owners.b.singles.size() == 1);
    CHECK(singles.earliest()->deadline == Clock::time_point{20s});
    singles.clear();
    CHECK(singles.size() == 0);
    CHECK(owners.b.singles.size() == 0);
}

TEST_CASE("what an owner leaves behind stays in flight", "[singles]") {
    Owners owners;
    Singles singles;
    for (std::uint64_t seq = 0; seq < 10; ++seq) {
        singles.add(single(seq, 10s, seq % 2 == 0 ? &owners.a : &owners.b));
    }
    singles.disown(owners.a);
    CHECK(owners.a.singles.size() == 0);
    CHECK(owners.b.singles.size() == 5);
    CHECK(singles.size() == 10);
    CHECK(singles.find(2)->owner == nullptr);
    CHECK(singles.find(3)->owner == &owners.b);
    CHECK(singles.remove(*singles.find(2)).message.seq == 2);
}

}  // namespace
}  // namespace nsq::broker
