#include "net/connection_limit.h"

namespace nsq::net {

ConnectionPlace ConnectionLimit::admit(sdk::Clock::time_point now) {
    if (refused_ > 0 && now - lastRefusal_ >= kOverAfter) {
        logger_.info("TCP: {} connections were refused, as there were {} already", refused_, most_);
        refused_ = 0;
    }
    // Only this thread takes places, so there is still one below.
    if (taken_.load(std::memory_order_relaxed) < most_) {
        taken_.fetch_add(1, std::memory_order_relaxed);
        return ConnectionPlace{taken_};
    }
    if (refused_++ == 0) {
        logger_.warn("TCP: refusing connections: there are {}, all that --max-connections allows", most_);
    }
    lastRefusal_ = now;
    return {};
}

}  // namespace nsq::net
