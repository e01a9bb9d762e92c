#include "protocol/v2/heartbeat.h"

#include <algorithm>

namespace nsq::v2 {

void Heartbeat::start(std::chrono::milliseconds interval) {
    interval_ = interval;
    if (!enabled()) return connection_.clearTimer();
    next_ = connection_.loop().now() + interval_;
    setTimer();
}

bool Heartbeat::onTimer() {
    const sdk::Clock::time_point now = connection_.loop().now();
    if (now >= connection_.lastReadAt() + 2 * interval_) return false;
    if (now >= next_) {
        // A client that has not taken what it was sent learns nothing from one more frame.
        if (connection_.outputRoom() > 0) answers_.heartbeat();
        next_ = now + interval_;
    }
    setTimer();
    return true;
}

void Heartbeat::setTimer() {
    connection_.setTimer(std::min(next_, connection_.lastReadAt() + 2 * interval_));
}

}  // namespace nsq::v2
