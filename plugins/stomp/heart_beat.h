#pragma once

#include <algorithm>
#include <utility>

#include "frame.h"
#include "nsq/sdk/connection.h"
#include "nsq/sdk/host.h"

namespace nsq::stomp {

/// Shows a client that the server lives, and finds out that the client does not: it is silent, or takes
/// nothing of a full output. Uses the connection's timer. THREAD: the connection's loop.
class HeartBeat {
public:
    HeartBeat(sdk::Connection& connection, const sdk::Limits& limits)
        : connection_(connection), limits_(limits) {}

    /// Takes over a client's header `heart-beat`. One that promises less than the server allows promises
    /// nothing. False: it is malformed.
    bool agree(std::string_view header) {
        const auto [first, second] = sdk::cut(header, ',');
        const auto sends = sdk::parseNumber(first), wants = sdk::parseNumber(second);
        const auto most = static_cast<std::uint64_t>(limits_.maxHeartbeatInterval.count());
        if (!sends || !wants) return false;
        const auto within = [most](std::uint64_t wanted) {
            constexpr std::uint64_t kLeast = 1000;  // ms, as nsqd has it for V2
            return std::chrono::milliseconds{wanted == 0 ? 0 : std::max(kLeast, std::min(wanted, most))};
        };
        send_ = within(*wants);
        receive_ = within(*sends > most ? 0 : *sends);
        return true;
    }

    /// What was agreed, as CONNECTED has it.
    auto header() const { return std::to_string(send_.count()) + ',' + std::to_string(receive_.count()); }

    /// Begins anew. Before an agreement nothing is sent.
    void start() {
        next_ = connection_.loop().now() + (send_.count() > 0 ? send_ : limits_.clientTimeout / 2);
        connection_.setTimer(std::min(next_, silentUntil()));
    }

    /// Until now nothing was read of what the client may have sent: it was not silent.
    void excuse() { excusedAt_ = connection_.loop().now(); }

    /// The timer's time has come. Returns why the client is given up, or nothing.
    std::string onTimer() {
        const sdk::Clock::time_point now = connection_.loop().now();
        if (now >= silentUntil()) return "nothing was read for two heart-beats";
        if (now < next_) {
            connection_.setTimer(std::min(next_, silentUntil()));
            return {};
        }
        const bool isFull = connection_.outputRoom() == 0;
        const std::size_t before = std::exchange(unsent_, isFull ? connection_.unsent() : 0);
        if (!isFull || unsent_ != before) takenAt_ = now;
        if (now - takenAt_ >= limits_.clientTimeout / 2) return "no output was taken for too long";
        if (!isFull && send_.count() > 0) connection_.output().write(sdk::asBytes("\n"));
        start();
        return {};
    }

private:
    sdk::Clock::time_point silentUntil() const {
        if (receive_.count() == 0) return sdk::Clock::time_point::max();
        return std::max(connection_.lastReadAt(), excusedAt_) + 2 * receive_;
    }

    sdk::Connection& connection_;
    const sdk::Limits& limits_;
    // Between signs of life of the server and of the client. 0: there are none.
    std::chrono::milliseconds send_{0};
    std::chrono::milliseconds receive_ = limits_.clientTimeout / 2;
    sdk::Clock::time_point excusedAt_;
    sdk::Clock::time_point next_;
    std::size_t unsent_ = 0;  ///< bytes not sent at the last beat, if the output was full
    sdk::Clock::time_point takenAt_ = connection_.loop().now();  ///< a beat at which that had changed
};

}  // namespace nsq::stomp
