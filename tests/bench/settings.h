#pragma once

#include <cstdint>
#include <string>

namespace nsq::bench {

enum class TransportKind { kPlain, kTls, kSnappy, kDeflate };

/// What nsq_load is told: see its usage.
struct Settings {
    std::string mode;
    std::uint64_t port = 0;
    std::uint64_t httpPort = 0;
    std::uint64_t pid = 0;
    std::string topic = "bench";
    std::string channel = "ch";
    std::uint64_t messages = 1000000;
    std::uint64_t size = 200;
    std::uint64_t batch = 200;
    std::uint64_t connections = 2;
    std::uint64_t threads = 2;
    std::uint64_t window = 8;
    std::uint64_t rdy = 2500;
    std::uint64_t deferMs = 0;
    std::uint64_t dueMs = 0;
    std::uint64_t msgTimeoutMs = 0;
    std::uint64_t rate = 1000;  ///< messages a second
    std::uint64_t seconds = 5;
    bool unbuffered = false;
    TransportKind transport = TransportKind::kPlain;
};

extern const char* const kUsage;

/// Throws std::invalid_argument with what is wrong.
Settings parseSettings(int argc, char** argv);

}  // namespace nsq::bench
