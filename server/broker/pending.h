#pragma once

#include <bitset>
#include <cstdint>

#include "broker/publish_times.h"
#include "nsq/sdk/loop.h"
#include "storage/log_cursor.h"

namespace nsq::broker {

using sdk::Clock;

struct Consumer;

/// A message a channel has taken from its topic's log and that is not finished.
struct PendingMessage {
    std::uint64_t seq = 0;
    storage::BatchPlace place;
    std::uint16_t attempts = 0;       ///< deliveries so far
    std::uint16_t savedAttempts = 0;  ///< those of them that a restart would certainly know of
    std::uint32_t savedBy = 0;        ///< the save of its topic from which on it would know of all
};

/// A message that waits for its time.
struct DeferredMessage {
    Clock::time_point due;
    PendingMessage message;

    /// For a heap with the earliest on top.
    friend bool operator<(const DeferredMessage& a, const DeferredMessage& b) { return a.due > b.due; }
};

/// One message in flight that is not part of a run: redelivered or touched.
struct SingleInFlight {
    PendingMessage message;
    Clock::time_point deliveredAt;
    Clock::time_point deadline;
    Consumer* owner;               ///< null once the subscription has gone
    std::int64_t publishedAt = 0;  ///< see publishTime(); where latencies are kept
};

/// Messages with consecutive sequence numbers, delivered together for the first time to one subscription.
/// Finishing one is clearing a bit.
struct InFlightRun {
    static constexpr std::uint32_t kMost = 256;  ///< messages; a larger batch takes several runs

    std::uint64_t firstSeq = 0;
    storage::BatchPlace place;
    std::bitset<kMost> unfinished;
    std::uint32_t count = 0;
    std::uint32_t live = 0;     ///< how many bits of `unfinished` are set
    std::uint32_t savedBy = 0;  ///< as in PendingMessage
    Clock::time_point deliveredAt;
    Clock::time_point deadline;
    PublishTimes publishedAt;  ///< where latencies are kept

    bool holds(std::uint64_t seq) const {
        return seq >= firstSeq && seq - firstSeq < count && unfinished[seq - firstSeq];
    }
    void remove(std::uint64_t seq) {
        unfinished.reset(seq - firstSeq);
        --live;
    }
    PendingMessage message(std::uint64_t seq) const { return {seq, place, 1, 0, savedBy}; }
    SingleInFlight single(std::uint64_t seq, Consumer* owner) const {
        return {message(seq), deliveredAt, deadline, owner, publishedAt[seq - firstSeq]};
    }
};

}  // namespace nsq::broker
