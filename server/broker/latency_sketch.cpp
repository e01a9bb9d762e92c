#include "broker/latency_sketch.h"

#include <algorithm>
#include <cmath>

namespace nsq::broker {

void LatencySketch::merge(const LatencySketch& other) {
    for (std::size_t octave = 0; octave < kOctaves; ++octave) {
        if (!other.octaves_[octave]) continue;
        std::unique_ptr<Buckets>& buckets = octaves_[octave];
        if (!buckets) buckets = std::make_unique<Buckets>();
        for (std::size_t i = 0; i < kBuckets; ++i) (*buckets)[i] += (*other.octaves_[octave])[i];
    }
    count_ += other.count_;
    least_ = std::min(least_, other.least_);
    most_ = std::max(most_, other.most_);
}

std::int64_t LatencySketch::quantile(double part) const {
    if (count_ == 0) return 0;
    // 0.55 of 100 are 55, but 55.000000000000007 in doubles: a rounding is no further value.
    constexpr double kRounding = 1e-15;
    const double exact = part * static_cast<double>(count_);
    const auto rank = static_cast<std::uint64_t>(std::ceil(exact * (1 - kRounding)));
    if (rank >= count_) return most_;
    std::uint64_t passed = 0;
    for (std::size_t octave = 0; octave < kOctaves; ++octave) {
        if (!octaves_[octave]) continue;
        for (std::size_t bucket = 0; bucket < kBuckets; ++bucket) {
            passed += (*octaves_[octave])[bucket];
            if (passed >= std::max<std::uint64_t>(rank, 1))
                return std::clamp(middle(octave, bucket), least_, most_);
        }
    }
    return most_;
}

std::int64_t LatencySketch::middle(std::size_t octave, std::size_t bucket) {
    const std::uint64_t width = std::uint64_t{1} << (widthBits(octave) + kUnitBits);
    const std::uint64_t begin = (octave == 0 ? bucket : kBuckets + bucket) * width;
    return static_cast<std::int64_t>(begin + width / 2);
}

}  // namespace nsq::broker
