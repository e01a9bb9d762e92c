#pragma once

#include <cstdint>

#include "broker/in_flight_runs.h"
#include "broker/singles.h"
#include "nsq/sdk/broker.h"

namespace nsq::broker {

/// What a channel knows of one of its subscriptions. All but the constants is guarded by the channel's lock.
struct Consumer {
    sdk::Loop& loop;
    sdk::LoopTask& news;  ///< posted to `loop` when there may be messages, or the channel was closed
    const std::chrono::milliseconds msgTimeout;
    const int sampleRate;

    std::int64_t ready = 0;
    InFlightRuns runs{};
    Singles::Owned singles{};
    bool waiting = false;  ///< stands in the channel's list of those who wait for messages

    std::int64_t inFlight() const { return static_cast<std::int64_t>(runs.live() + singles.size()); }
    std::int64_t room() const { return ready - inFlight(); }
};

}  // namespace nsq::broker
