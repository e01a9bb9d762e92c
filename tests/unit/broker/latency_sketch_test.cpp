#include "broker/latency_sketch.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <functional>
#include <limits>
#include <random>
#include <vector>

namespace nsq::test {
namespace {

using broker::LatencySketch;

using Values = std::vector<std::int64_t>;

constexpr std::int64_t kHour = 3'600'000'000'000;
constexpr double kQuantiles[] = {0.0, 0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999, 1.0};

std::int64_t exact(const Values& sorted, double part) {
    const auto rank = static_cast<std::size_t>(std::ceil(part * static_cast<double>(sorted.size())));
    return sorted[std::max<std::size_t>(rank, 1) - 1];
}

/// The bound that the class promises.
void check(const LatencySketch& sketch, Values values) {
    for (std::int64_t& value : values) value = std::max<std::int64_t>(value, 0);
    std::ranges::sort(values);
    CHECK(sketch.count() == values.size());
    for (const double part : kQuantiles) {
        const auto right = static_cast<double>(exact(values, part));
        const auto told = static_cast<double>(sketch.quantile(part));
        CAPTURE(part, right, told);
        CHECK(std::abs(told - right) <= std::max(0.008 * right, 600.0));
    }
    CHECK(sketch.quantile(1) == values.back());
}

LatencySketch sketchOf(const Values& values) {
    LatencySketch sketch;
    for (const std::int64_t value : values) sketch.add(value);
    return sketch;
}

Values draw(std::size_t count, const std::function<double(std::mt19937_64&)>& one) {
    std::mt19937_64 random{7};  // the same each time
    Values values;
    for (std::size_t i = 0; i < count; ++i) values.push_back(static_cast<std::int64_t>(one(random)));
    return values;
}

/// Distributions of nanoseconds, by name.
std::vector<std::pair<std::string, Values>> distributions() {
    return {
        {"uniform to 1 ms", draw(20'000,
                                 [](auto& r) {
                                     return std::uniform_real_distribution{0.0, 1e6}(r);
                                 })},
        {"uniform to 1 h", draw(20'000,
                                [](auto& r) {
                                    return std::uniform_real_distribution{0.0, 3.6e12}(r);
                                })},
        {"normal", draw(20'000,
                        [](auto& r) {
                            return std::normal_distribution{2e7, 4e6}(r);
                        })},
        {"exponential", draw(20'000, [](auto& r) { return std::exponential_distribution{1e-6}(r); })},
        {"lognormal", draw(20'000,
                           [](auto& r) {
                               return std::lognormal_distribution{14.0, 3.0}(r);
                           })},
        {"two peaks", draw(20'000,
                           [](auto& r) {
                               return std::bernoulli_distribution{0.02}(r)
                                          ? std::normal_distribution{6e10, 1e9}(r)
                                          : std::normal_distribution{8e4, 1e4}(r);
                           })},
        {"all the same", Values(1000, 123'456'789)},
        {"one", {987'654'321}},
        {"around the buckets' ends", {1023, 1024, 65'535, 65'536, 131'071, 131'072, 131'073, 262'144}},
    };
}

TEST_CASE("an empty sketch tells 0", "[broker][latency]") {
    const LatencySketch sketch;
    CHECK(sketch.count() == 0);
    for (const double part : kQuantiles) CHECK(sketch.quantile(part) == 0);
}

TEST_CASE("quantiles are as near to exact ones as is promised", "[broker][latency]") {
    for (const auto& [name, values] : distributions()) {
        CAPTURE(name);
        check(sketchOf(values), values);
    }
}

TEST_CASE("a quantile that ends with a value is that value", "[broker][latency]") {
    for (const int percent : {7, 14, 28, 29, 55, 56, 57, 58}) {
        CAPTURE(percent);
        Values values(static_cast<std::size_t>(percent), 1'000'000);
        values.resize(100, kHour);
        CHECK(sketchOf(values).quantile(percent / 100.0) < 2'000'000);
        CHECK(sketchOf(values).quantile(percent / 100.0 + 0.001) > kHour / 2);
    }
}

TEST_CASE("a merged sketch is that of all values", "[broker][latency]") {
    LatencySketch sum;
    Values all;
    for (const auto& [name, values] : distributions()) {
        sum.merge(sketchOf(values));
        all.insert(all.end(), values.begin(), values.end());
        CAPTURE(name);
        check(sum, all);
    }
    sum.merge({});
    check(sum, all);
}

TEST_CASE("every value has its bucket", "[broker][latency]") {
    for (int bit = 0; bit < 63; ++bit) {
        const std::int64_t power = std::int64_t{1} << bit;
        const Values values{power - 1, power, power + 1, power + power / 3};
        CAPTURE(bit);
        check(sketchOf(values), values);
    }
    const Values extremes{std::numeric_limits<std::int64_t>::min(), -kHour, -1, 0, 1, kHour, 24 * kHour,
                          std::numeric_limits<std::int64_t>::max()};
    check(sketchOf(extremes), extremes);
}

TEST_CASE("a cleared sketch begins anew", "[broker][latency]") {
    LatencySketch sketch = sketchOf({1, kHour});
    sketch.clear();
    CHECK(sketch.count() == 0);
    CHECK(sketch.quantile(1) == 0);
    sketch.add(5'000'000);
    check(sketch, {5'000'000});
}

}  // namespace
}  // namespace nsq::test
