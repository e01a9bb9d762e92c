#include "auth/server_turns.h"

#include <catch2/catch.hpp>

namespace nsq::auth {

namespace {

using Order = std::vector<std::size_t>;

constexpr auto kAvoidFor = ServerTurns::kAvoidFor;
const sdk::Clock::time_point kNow = sdk::Clock::now();

}  // namespace

TEST_CASE("Servers that are well are asked in turn") {
    ServerTurns turns{3};
    CHECK(turns.next(kNow) == Order{0, 1, 2});
    CHECK(turns.next(kNow) == Order{1, 2, 0});
    CHECK(turns.next(kNow) == Order{2, 0, 1});
    CHECK(turns.next(kNow) == Order{0, 1, 2});
    CHECK(ServerTurns{0}.next(kNow).empty());
}

TEST_CASE("A server that did not answer comes last until it does") {
    ServerTurns turns{3};
    turns.failed(1, kNow);
    CHECK(turns.next(kNow) == Order{0, 2, 1});
    CHECK(turns.next(kNow) == Order{2, 0, 1});
    turns.answered(1);
    CHECK(turns.next(kNow) == Order{2, 0, 1});
    CHECK(turns.next(kNow) == Order{0, 1, 2});
    CHECK(turns.next(kNow) == Order{1, 2, 0});
}

TEST_CASE("After a while one question tries it, and only when it comes first") {
    ServerTurns turns{2};
    turns.failed(0, kNow);
    const auto later = kNow + kAvoidFor;
    CHECK(turns.next(later - std::chrono::nanoseconds{1}) == Order{1, 0});
    CHECK(turns.next(later) == Order{1, 0});
    CHECK(turns.next(later) == Order{0, 1});
    for (int i = 0; i < 3; ++i) CHECK(turns.next(later) == Order{1, 0});
    for (int i = 0; i < 2; ++i) turns.next(later + kAvoidFor - std::chrono::nanoseconds{1});
    CHECK(turns.next(later + kAvoidFor) == Order{0, 1});
}

TEST_CASE("When none is well all are asked, and one question tries one of them") {
    ServerTurns turns{3};
    for (std::size_t server = 0; server < 3; ++server) turns.failed(server, kNow);
    CHECK(turns.next(kNow) == Order{0, 1, 2});
    CHECK(turns.next(kNow + kAvoidFor) == Order{1, 2, 0});
    CHECK(turns.next(kNow + kAvoidFor) == Order{2, 0, 1});
}

}  // namespace nsq::auth
