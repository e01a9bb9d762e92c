#include "protocol/v2/delivery.h"

namespace nsq::v2 {

void Delivery::stop() {
    subscription_ = nullptr;
    connection_.loop().cancel(*this);
}

void Delivery::schedule() {
    if (subscription_ != nullptr) connection_.loop().afterTurnEnd(*this);
}

void Delivery::run() {
    try {
        deliver();
    } catch (...) {
        // Some may be in flight that were not sent, and nothing would ask for more.
        stop();
        runs_.clear();
        connection_.close("a delivery failed");
        throw;
    }
}

void Delivery::deliver() {
    // Also without room: the broker then turns to other consumers. It calls again when there is more, and the
    // connection when there is room.
    const std::size_t taken = subscription_->take(connection_.outputRoom(), runs_);
    if (taken == 0) return;
    count_ += taken;
    sdk::Output& output = connection_.output();
    for (const sdk::MessageRun& run : runs_) output.share(run.owner, run.frames);
    runs_.clear();
}

}  // namespace nsq::v2
