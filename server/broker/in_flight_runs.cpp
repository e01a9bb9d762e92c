#include "broker/in_flight_runs.h"

#include <algorithm>

namespace nsq::broker {

InFlightRun* InFlightRuns::find(std::uint64_t seq) {
    if (runs_.empty()) return nullptr;
    if (runs_.front().holds(seq)) return &runs_.front();  // most clients finish in order
    auto after = std::ranges::upper_bound(runs_, seq, {}, &InFlightRun::firstSeq);
    if (after == runs_.begin()) return nullptr;
    InFlightRun& run = *std::prev(after);
    return run.holds(seq) ? &run : nullptr;
}

void InFlightRuns::release(InFlightRun& run, std::uint64_t seq) {
    run.remove(seq);
    --live_;
    if (run.live == 0) {
        run.place = {};
        ++finishedRuns_;
        dropFinished();
    }
}

void InFlightRuns::dropFinished() {
    while (!runs_.empty() && runs_.front().live == 0) {
        runs_.pop_front();
        --finishedRuns_;
    }
    // One old message may hold up many finished runs behind it: sweep when they are the greater part.
    if (finishedRuns_ > 64 && finishedRuns_ * 2 > runs_.size()) {
        std::erase_if(runs_, [](const InFlightRun& run) { return run.live == 0; });
        finishedRuns_ = 0;
    }
}

InFlightRun InFlightRuns::popFront() {
    InFlightRun run = std::move(runs_.front());
    runs_.pop_front();
    live_ -= run.live;
    dropFinished();
    return run;
}

std::vector<InFlightRun> InFlightRuns::inSegment(const storage::Segment& segment) const {
    std::vector<InFlightRun> runs;
    std::ranges::copy_if(runs_, std::back_inserter(runs), [&](const InFlightRun& run) {
        return run.live > 0 && run.place.segment.get() == &segment;
    });
    return runs;
}

void InFlightRuns::clear() {
    runs_.clear();
    live_ = 0;
    finishedRuns_ = 0;
}

}  // namespace nsq::broker
