#include "broker/latency_window.h"

#include <catch2/catch.hpp>

namespace nsq::test {
namespace {

using namespace std::chrono_literals;
using broker::LatencySketch;
using broker::LatencyWindow;

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kStart = 1'795'000'000 * kSecond;  // a time as they are; a slice of 8 s begins

LatencySketch sumAt(LatencyWindow& window, std::int64_t now) {
    LatencySketch sum;
    window.addTo(sum, now);
    return sum;
}

TEST_CASE("values count for three quarters of the window at least, and for all of it at most",
          "[broker][latency]") {
    for (std::int64_t offset = 0; offset < 32; ++offset) {
        LatencyWindow window{32s};
        const std::int64_t noted = kStart + offset * kSecond;
        window.at(noted).add(5 * kSecond);
        CAPTURE(offset);
        CHECK(sumAt(window, noted).count() == 1);
        CHECK(sumAt(window, noted + 24 * kSecond).count() == 1);
        CHECK(sumAt(window, noted + 32 * kSecond).count() == 0);
        CHECK(sumAt(window, noted + 10'000 * kSecond).count() == 0);
    }
}

TEST_CASE("a window holds what came in all its slices", "[broker][latency]") {
    LatencyWindow window{32s};
    for (std::int64_t second = 0; second < 1000; ++second) {
        const std::int64_t now = kStart + second * kSecond;
        window.at(now).add(second);
        window.at(now).add(second);
        const LatencySketch sum = sumAt(window, now);
        CAPTURE(second);
        CHECK(sum.count() >= 2 * static_cast<std::uint64_t>(std::min<std::int64_t>(second + 1, 25)));
        CHECK(sum.count() <= 64);
        CHECK(sum.quantile(1) == second);
    }
}

TEST_CASE("after a pause longer than the window there is nothing of before", "[broker][latency]") {
    LatencyWindow window{32s};
    for (std::int64_t second = 0; second < 32; ++second) window.at(kStart + second * kSecond).add(1);
    window.at(kStart + 3600 * kSecond).add(7 * kSecond);
    const LatencySketch sum = sumAt(window, kStart + 3600 * kSecond);
    CHECK(sum.count() == 1);
    CHECK(sum.quantile(0.5) == 7 * kSecond);
}

TEST_CASE("a clock that is set back loses nothing of the window, or begins it anew", "[broker][latency]") {
    LatencyWindow window{32s};
    for (std::int64_t second = 0; second < 32; ++second) window.at(kStart + second * kSecond).add(1);
    for (int i = 0; i < 100; ++i) {  // to and fro over a slice's beginning
        window.at(kStart + 24 * kSecond - 1).add(1);
        window.at(kStart + 24 * kSecond).add(1);
    }
    CHECK(sumAt(window, kStart + 10 * kSecond).count() == 232);
    CHECK(sumAt(window, kStart + 31 * kSecond).count() == 232);
    const std::int64_t longAgo = kStart - 3600 * kSecond;
    window.at(longAgo).add(1);
    CHECK(sumAt(window, longAgo).count() == 1);
    CHECK(sumAt(window, longAgo + 24 * kSecond).count() == 1);
    CHECK(sumAt(window, longAgo + 32 * kSecond).count() == 0);
}

TEST_CASE("the shortest window works", "[broker][latency]") {
    LatencyWindow window{1ns};
    window.at(kStart).add(1);
    CHECK(sumAt(window, kStart).count() == 1);
    CHECK(sumAt(window, kStart + 4).count() == 0);
}

}  // namespace
}  // namespace nsq::test
