#pragma once

#include <cstdint>
#include <vector>

#include "bench/settings.h"

namespace nsq::bench {

/// How late things came, in microseconds after the moment a message was due to be published. That moment is
/// given by the rate alone: what a slow server keeps the publisher from sending in time counts as well (no
/// coordinated omission).
struct Latency {
    std::uint64_t messages = 0;
    std::vector<double> acknowledged;  ///< sorted; the first second is left out
    std::vector<double> received;      ///< the same
};

/// Publishes at settings.rate for settings.seconds on one connection, and consumes on another.
Latency measureLatency(const Settings& settings);

/// Prints `,"name":{"p50":...,"p99":...,"p999":...,"max":...}`.
void printPercentiles(const char* name, const std::vector<double>& sorted);

}  // namespace nsq::bench
