#pragma once

#include <cstddef>
#include <mutex>
#include <optional>
#include <vector>

#include "nsq/sdk/loop.h"

namespace nsq::auth {

/// Which auth server is asked first: each in turn, but those that lately did not answer come last, for each
/// question to one that hangs keeps a thread for as long as a request may take. THREAD: any.
class ServerTurns {
public:
    /// For so long a server that did not answer is avoided (chosen). Then a single question tries it.
    static constexpr std::chrono::seconds kAvoidFor{10};

    explicit ServerTurns(std::size_t servers) : avoidUntil_(servers) {}

    /// The indices of all servers, in the order in which to ask them for one client.
    std::vector<std::size_t> next(sdk::Clock::time_point now);

    void answered(std::size_t server);
    void failed(std::size_t server, sdk::Clock::time_point now);

private:
    std::mutex mutex_;  ///< guards the rest
    std::size_t turn_ = 0;
    std::vector<std::optional<sdk::Clock::time_point>> avoidUntil_;  ///< nullopt: it is well
};

}  // namespace nsq::auth
