#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bench/client_group.h"
#include "bench/settings.h"
#include "bench/v2_client.h"

namespace nsq::bench {

/// The subscribers of one thread.
class Subscribers {
public:
    /// Connects and subscribes `connections` times. `left` is how many messages all threads' subscribers have
    /// to receive yet; it outlives this object.
    Subscribers(const Settings& settings, std::uint64_t connections, std::atomic<std::int64_t>& left);

    /// Receives and answers until `left` is 0; the last one wakes who waits for that. In the mode `hold` it
    /// goes on receiving. A thread whose subscribers get nothing more does not return. Errors are thrown as
    /// std::runtime_error.
    void run();

private:
    std::int64_t receiveAll(V2Client& client);

    const Settings& settings_;
    std::atomic<std::int64_t>& left_;
    std::vector<std::unique_ptr<V2Client>> clients_;
    ClientGroup group_;
    std::string answers_;
};

}  // namespace nsq::bench
