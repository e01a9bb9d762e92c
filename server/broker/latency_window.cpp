#include "broker/latency_window.h"

#include <algorithm>
#include <cstdlib>

namespace nsq::broker {

void LatencyWindow::addTo(LatencySketch& sum, std::int64_t now) {
    at(now);
    for (const LatencySketch& sketch : sketches_) sum.merge(sketch);
}

void LatencyWindow::advance(std::int64_t now) {
    const std::int64_t begin = now / slice_ * slice_;
    const std::int64_t slices = (begin - begin_) / slice_;
    if (slices <= 0 && slices > -kSlices) return;
    for (std::int64_t i = 0; i < std::min<std::int64_t>(std::abs(slices), kSlices); ++i) {
        current_ = (current_ + 1) % kSlices;
        sketches_[current_].clear();
    }
    begin_ = begin;
}

}  // namespace nsq::broker
