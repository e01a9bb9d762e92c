#pragma once

#include <chrono>
#include <cstdint>

#include "nsq/sdk/loop.h"

namespace nsq::broker {

/// Deadlines are kept by the steady clock and saved by the wall clock: nanoseconds since the Unix epoch. No
/// deadline at all is 0.
inline std::int64_t unixNow() {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
}

inline std::int64_t toUnixNs(sdk::Clock::time_point when) {
    if (when == sdk::Clock::time_point{}) return 0;
    return unixNow() + std::chrono::duration_cast<std::chrono::nanoseconds>(when - sdk::Clock::now()).count();
}

inline sdk::Clock::time_point fromUnixNs(std::int64_t ns) {
    if (ns == 0) return {};
    return sdk::Clock::now() + std::chrono::nanoseconds{ns - unixNow()};
}

}  // namespace nsq::broker
