#pragma once

#include <spdlog/logger.h>

#include <chrono>
#include <cstddef>
#include <string>
#include <thread>
#include <vector>

#include "net/interrupt.h"
#include "nsq/sdk/broker.h"
#include "nsq/sdk/loop.h"
#include "options/address.h"
#include "stats/line_packets.h"
#include "stats/statsd_report.h"

namespace nsq::stats {

/// The options of the same names.
struct StatsdSettings {
    std::string address;
    std::chrono::nanoseconds interval = std::chrono::minutes{1};
    std::string prefix;  ///< as statsdPrefix gives it
    std::size_t packetSize = 508;
    bool withMemory = true;
    bool excludesEphemeral = false;
};

/// Sends statistics to a statsd daemon, for the first time after one interval. The packets are spread over
/// the interval, so that neither the daemon nor this machine sees a burst. What is wrong is logged when it
/// begins and when it ends, and tried again with the next interval; counts are not lost while the daemon's
/// name cannot be found. One thread, which sleeps in between.
class StatsdLoop {
public:
    /// Starts. The address is one that parsePeer takes. The broker outlives it.
    StatsdLoop(StatsdSettings settings, const sdk::Broker& broker, spdlog::logger& logger);
    ~StatsdLoop();

    /// Nothing is sent after this. Breaks off what it does. THREAD: any but its own.
    void stop();

private:
    void run();
    void push(sdk::Clock::time_point begin);
    std::vector<std::string> packets();
    void note(const sdk::Result<void>& sent);
    bool sleepUntil(sdk::Clock::time_point when) const;

    const StatsdSettings settings_;
    const options::HostAndPort address_;
    const sdk::Broker& broker_;
    spdlog::logger& logger_;
    StatsdReport report_;
    bool failing_ = false;  ///< as it was noted last

    net::Interrupt stop_;
    std::thread thread_;
};

}  // namespace nsq::stats
