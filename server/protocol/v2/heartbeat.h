#pragma once

#include <chrono>
#include <cstddef>
#include <string_view>

#include "nsq/sdk/connection.h"
#include "protocol/v2/answers.h"

namespace nsq::v2 {

/// Tells a client at each interval that the server lives, and finds out that the client does not. Uses the
/// connection's timer. THREAD: the connection's loop.
class Heartbeat {
public:
    Heartbeat(sdk::Connection& connection, Answers& answers) : connection_(connection), answers_(answers) {}

    /// Begins anew with this interval; 0 stops it.
    void start(std::chrono::milliseconds interval);
    void stop() { start(std::chrono::milliseconds{0}); }

    bool enabled() const { return interval_.count() > 0; }

    /// The timer's time has come. Returns why the client is given up, or nothing: for two intervals nothing
    /// was read from it, or for one it took nothing of a full output.
    std::string_view onTimer();

    /// There is room in the output again.
    void onOutputDrained();

private:
    bool beat();
    void setTimer();

    sdk::Connection& connection_;
    Answers& answers_;
    std::chrono::milliseconds interval_{0};
    sdk::Clock::time_point next_;  ///< when the next heartbeat is due
    bool owed_ = false;            ///< one was due while the output was full
    std::size_t unsent_ = 0;       ///< bytes not sent then
};

}  // namespace nsq::v2
