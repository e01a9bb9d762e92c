#include "protocol/v2/heartbeat.h"

#include <algorithm>
#include <utility>

namespace nsq::v2 {

void Heartbeat::start(std::chrono::milliseconds interval) {
    interval_ = interval;
    if (!enabled()) return connection_.clearTimer();
    next_ = connection_.loop().now() + interval_;
    setTimer();
}

std::string_view Heartbeat::onTimer() {
    const sdk::Clock::time_point now = connection_.loop().now();
    if (now >= connection_.lastReadAt() + 2 * interval_)
        return "nothing was read for two heartbeat intervals";
    if (now >= next_) {
        if (!beat()) return "no output was taken for a heartbeat interval";
        next_ = now + interval_;
    }
    setTimer();
    return {};
}

/// False when the client took nothing since the last time.
bool Heartbeat::beat() {
    if (connection_.outputRoom() > 0) {
        owed_ = false;
        answers_.heartbeat();
        return true;
    }
    // A client that has not taken what it was sent learns nothing from one more frame. Once it has, it must
    // get it: it may have nothing else to answer to before its time is out.
    const std::size_t before = std::exchange(unsent_, connection_.unsent());
    return !std::exchange(owed_, true) || unsent_ != before;
}

void Heartbeat::onOutputDrained() {
    if (std::exchange(owed_, false) && enabled()) answers_.heartbeat();
}

void Heartbeat::setTimer() {
    connection_.setTimer(std::min(next_, connection_.lastReadAt() + 2 * interval_));
}

}  // namespace nsq::v2
