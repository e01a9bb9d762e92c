#include "net/interrupt.h"

#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <thread>

namespace nsq::net {
namespace {

using namespace std::chrono_literals;
using Waited = Interrupt::Waited;

TEST_CASE("a wait ends with what is waited for, with the time, or when it is interrupted", "[net]") {
    std::array<int, 2> ends{};
    REQUIRE(::pipe(ends.data()) == 0);
    const Fd out{ends[0]};
    const Fd in{ends[1]};
    Interrupt interrupt;
    const Clock::time_point soon = Clock::now() + 5ms;
    CHECK(interrupt.wait(out.get(), POLLIN, soon) == Waited::kTimeout);
    CHECK(Clock::now() >= soon);
    CHECK(interrupt.wait(in.get(), POLLOUT, Clock::now() + 1h) == Waited::kReady);
    CHECK_FALSE(interrupt.raised());
    std::thread other{[&] { interrupt.raise(); }};
    CHECK(interrupt.wait(out.get(), POLLIN, Clock::time_point::max()) == Waited::kInterrupted);
    other.join();
    CHECK(interrupt.raised());
    CHECK(interrupt.wait(in.get(), POLLOUT, Clock::now() + 1h) == Waited::kInterrupted);
    CHECK(interrupt.wait(-1, 0, Clock::now() + 1h) == Waited::kInterrupted);
}

}  // namespace
}  // namespace nsq::net
