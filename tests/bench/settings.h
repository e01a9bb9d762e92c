#pragma once

#include <cstdint>
#include <string>

namespace nsq::bench {

/// What nsq_load is told: see its usage.
struct Settings {
    std::string mode;
    int port = 0;
    int httpPort = 0;
    int pid = 0;
    std::string topic = "bench";
    std::string channel = "ch";
    std::uint64_t messages = 1000000;
    std::size_t size = 200;
    std::uint64_t batch = 200;
    std::uint64_t connections = 2;
    std::uint64_t window = 8;
    std::uint64_t rdy = 2500;
    std::uint64_t deferMs = 0;
    std::uint64_t rate = 1000;  ///< messages a second
    std::uint64_t seconds = 5;
    bool unbuffered = false;
};

}  // namespace nsq::bench
