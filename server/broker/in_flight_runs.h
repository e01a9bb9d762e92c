#pragma once

#include <deque>
#include <vector>

#include "broker/pending.h"

namespace nsq::broker {

/// A subscription's runs, ordered both by sequence number and by deadline, since a channel's cursor only
/// moves forward and a subscription's timeout does not change. THREAD: under the channel's lock.
class InFlightRuns {
public:
    void add(InFlightRun run) {
        live_ += run.live;
        runs_.push_back(std::move(run));
    }

    /// The run in which `seq` is in flight, or null. Valid until the next add, release or clear.
    InFlightRun* find(std::uint64_t seq);

    /// Takes `seq` out of `run`, which holds it.
    void release(InFlightRun& run, std::uint64_t seq);

    /// The earliest deadline; time_point::max() when nothing is in flight.
    Clock::time_point nextDeadline() const {
        return runs_.empty() ? Clock::time_point::max() : runs_.front().deadline;
    }

    /// Removes the run with the earliest deadline and returns it. There must be one.
    InFlightRun popFront();

    bool empty() const { return runs_.empty(); }
    std::size_t live() const { return live_; }
    void clear();

    /// Copies of the runs with messages of `segment`.
    std::vector<InFlightRun> inSegment(const storage::Segment& segment) const;

    auto begin() const { return runs_.begin(); }
    auto end() const { return runs_.end(); }

private:
    void dropFinished();

    std::deque<InFlightRun> runs_;  ///< the first one has something unfinished
    std::size_t live_ = 0;
    std::size_t finishedRuns_ = 0;  ///< runs without anything unfinished, behind one that has
};

}  // namespace nsq::broker
