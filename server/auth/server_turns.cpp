#include "auth/server_turns.h"

#include <algorithm>
#include <iterator>

namespace nsq::auth {

std::vector<std::size_t> ServerTurns::next(sdk::Clock::time_point now) {
    const std::lock_guard lock(mutex_);
    const std::size_t first = turn_++;
    std::vector<std::size_t> order;
    std::vector<std::size_t> avoided;
    for (std::size_t i = 0; i < avoidUntil_.size(); ++i) {
        const std::size_t server = (first + i) % avoidUntil_.size();
        auto& until = avoidUntil_[server];
        const bool isTry = until && *until <= now && order.empty();
        // Until it has answered, the others go on avoiding it.
        if (isTry) until = now + kAvoidFor;
        (isTry || !until ? order : avoided).push_back(server);
    }
    std::ranges::copy(avoided, std::back_inserter(order));
    return order;
}

void ServerTurns::answered(std::size_t server) {
    const std::lock_guard lock(mutex_);
    avoidUntil_[server].reset();
}

void ServerTurns::failed(std::size_t server, sdk::Clock::time_point now) {
    const std::lock_guard lock(mutex_);
    avoidUntil_[server] = now + kAvoidFor;
}

}  // namespace nsq::auth
