#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <limits>
#include <memory>

namespace nsq::broker {

/// How durations are distributed: counts in buckets, each at most 1/64 of its own values wide. A quantile is
/// within 0.8 % or 0.6 µs of an exact one, whichever is more; the smallest and the largest value are exact.
/// Sketches can be merged without losing any of that. Empty it takes about 400 bytes, and 512 for each power
/// of two that its values have; 25 KB at most. THREAD: one at a time.
class LatencySketch {
public:
    /// Nanoseconds; negative ones, from a clock that was set back, count as 0.
    void add(std::int64_t value) {
        if (value < 0) value = 0;
        const std::uint64_t units = static_cast<std::uint64_t>(value) >> kUnitBits;
        const auto octave = static_cast<std::size_t>(std::bit_width(units >> kBucketBits));
        std::unique_ptr<Buckets>& buckets = octaves_[octave];
        if (!buckets) buckets = std::make_unique<Buckets>();
        ++(*buckets)[(units >> widthBits(octave)) % kBuckets];
        ++count_;
        if (value < least_) least_ = value;
        if (value > most_) most_ = value;
    }

    void merge(const LatencySketch& other);
    void clear() { *this = {}; }

    std::uint64_t count() const { return count_; }

    /// The smallest value that this part (0 to 1) of all values does not exceed, in nanoseconds; 0 when there
    /// are none.
    std::int64_t quantile(double part) const;

private:
    static constexpr int kUnitBits = 10;  ///< the narrowest buckets are 1024 ns wide
    static constexpr int kBucketBits = 6;
    static constexpr std::size_t kBuckets = 1 << kBucketBits;
    static constexpr std::size_t kOctaves = 63 - kUnitBits - kBucketBits + 1;

    /// Of one octave. The first has all values below the 64th unit, each further one those up to twice the
    /// end of the one before.
    using Buckets = std::array<std::uint64_t, kBuckets>;

    /// How wide the buckets of an octave are: 2 to the power of this, in units.
    static std::size_t widthBits(std::size_t octave) { return octave == 0 ? 0 : octave - 1; }
    static std::int64_t middle(std::size_t octave, std::size_t bucket);

    std::array<std::unique_ptr<Buckets>, kOctaves> octaves_;
    std::uint64_t count_ = 0;
    std::int64_t least_ = std::numeric_limits<std::int64_t>::max();
    std::int64_t most_ = 0;
};

}  // namespace nsq::broker
