#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "nsq/sdk/broker.h"
#include "nsq/sdk/connection.h"

namespace nsq::v2 {

/// Moves a subscription's messages into the output: once a turn at most, at its end, however many reasons
/// there were. THREAD: the connection's loop.
class Delivery final : private sdk::LoopTask {
public:
    explicit Delivery(sdk::Connection& connection) : LoopTask(connection), connection_(connection) {}
    Delivery(const Delivery&) = delete;
    Delivery& operator=(const Delivery&) = delete;
    ~Delivery() { stop(); }

    /// Begins to deliver from `subscription`, which must live until stop().
    void start(sdk::Subscription& subscription) { subscription_ = &subscription; }
    void stop();

    /// There may be something to deliver.
    void schedule();

    /// Messages delivered.
    std::uint64_t count() const { return count_; }

private:
    void run() override;
    void deliver();

    sdk::Connection& connection_;
    sdk::Subscription* subscription_ = nullptr;
    std::vector<sdk::MessageRun> runs_;  ///< empty between turns: it would keep its messages' memory
    std::uint64_t count_ = 0;
};

}  // namespace nsq::v2
