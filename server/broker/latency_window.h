#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>

#include "broker/latency_sketch.h"

namespace nsq::broker {

/// The latencies of the last while: no value older than the window's length counts, and none younger than
/// three quarters of it is missing. Times are nanoseconds of the Unix epoch, since those of messages are: a
/// clock set back by less than the window keeps values for that much longer, one set by more begins the
/// window anew. THREAD: one at a time.
class LatencyWindow {
public:
    explicit LatencyWindow(std::chrono::nanoseconds length)
        : slice_(std::max<std::int64_t>(length.count() / kSlices, 1)) {}

    /// What belongs to `now`, to be added to.
    LatencySketch& at(std::int64_t now) {
        if (now < begin_ || now - begin_ >= slice_) advance(now);
        return sketches_[current_];
    }

    /// Adds all that counts at `now` to `sum`.
    void addTo(LatencySketch& sum, std::int64_t now);

private:
    static constexpr int kSlices = 4;  ///< that of now is one of them

    void advance(std::int64_t now);

    const std::int64_t slice_;  ///< length
    std::int64_t begin_ = 0;    ///< of the current slice
    std::size_t current_ = 0;
    std::array<LatencySketch, kSlices> sketches_;
};

}  // namespace nsq::broker
