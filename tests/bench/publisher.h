#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bench/client_group.h"
#include "bench/settings.h"
#include "bench/v2_client.h"

namespace nsq::bench {

/// The publishers of one thread.
class Publishers {
public:
    /// Connects `connections` times. They publish `messages` together.
    Publishers(const Settings& settings, std::uint64_t connections, std::uint64_t messages);

    /// Publishes everything, with at most settings.window publishes unanswered on a connection, and waits for
    /// the answers. Errors are thrown as std::runtime_error.
    void run();

private:
    struct Publisher {
        explicit Publisher(const Settings& settings) : client(settings) {}

        V2Client client;
        std::uint64_t messages = 0;  ///< to be sent
        std::uint64_t unanswered = 0;
    };

    void fillWindow(Publisher& publisher);
    void receiveAnswers(Publisher& publisher);

    const Settings& settings_;
    const std::chrono::steady_clock::time_point begin_;
    const std::string window_;  ///< as many whole commands as may be sent ahead
    std::vector<std::unique_ptr<Publisher>> publishers_;
    ClientGroup group_;
    std::uint64_t toAnswer_ = 0;  ///< publishes sent, of all
};

}  // namespace nsq::bench
