#pragma once

#include <spdlog/logger.h>
#include <sys/uio.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <memory>

#include "net/poller.h"
#include "net/timer_queue.h"
#include "net/tls_context.h"
#include "net/work_list.h"
#include "nsq/sdk/bytes.h"
#include "nsq/sdk/loop.h"

namespace nsq::net {

/// Where a loop receives, one connection at a time. What the session left of the last read goes in front, so
/// that it need not be joined with the new bytes elsewhere, as long as it is not too long. While nothing is
/// received the body is scratch.
class ReadBuffer {
public:
    static constexpr std::size_t kHeadroom = 64 * 1024;
    static constexpr std::size_t kReadSize = 256 * 1024;

    std::byte* body() { return memory_.get() + kHeadroom; }

    /// `left`, of at most kHeadroom bytes, and the first `count` bytes of the body behind it.
    sdk::Bytes joined(sdk::Bytes left, std::size_t count) {
        std::byte* begin = body() - left.size();
        if (!left.empty()) std::memcpy(begin, left.data(), left.size());
        return {begin, left.size() + count};
    }

private:
    std::unique_ptr<std::byte[]> memory_ = std::make_unique_for_overwrite<std::byte[]>(kHeadroom + kReadSize);
};

/// What all connections are kept to.
struct ConnectionSettings {
    const TlsContext* tls = nullptr;  ///< null: no connection can have TLS. Outlives the loops

    /// The most bytes that wait to be sent to a client of a protocol before its session is stopped: see
    /// sdk::Output. No limit for HTTP, whose responses are as large as they are.
    std::size_t maxOutput = static_cast<std::size_t>(-1);

    /// How long a session may use up nothing of an input that is longer than its maxPending() (chosen: five
    /// times nsqd's client timeout). V2 waits that long for the disk or an auth server only when those hang.
    std::chrono::milliseconds maxStalled = std::chrono::minutes{5};

    /// How long the client of a closed connection may take nothing of its output (the SDK's promise), and how
    /// long a session may go on after its client's end.
    std::chrono::milliseconds closeTimeout = std::chrono::seconds{5};
};

/// What the connections of one loop share. THREAD: the loop.
struct LoopState {
    LoopState(spdlog::logger& theLogger, const ConnectionSettings& theSettings)
        : logger(theLogger), settings(theSettings) {}

    /// True if no connection has anything to do before something happens.
    bool idle() const {
        return decoding.empty() && drained.empty() && resumed.empty() && ended.empty() && touched.empty();
    }

    spdlog::logger& logger;
    const ConnectionSettings settings;
    Poller poller;
    TimerQueue timers;
    ReadBuffer readBuffer;
    sdk::Clock::time_point now = sdk::Clock::now();  ///< when this turn began

    /// What is left to do in this turn, in the order it is done.
    WorkList decoding;  ///< give the session more of what its filters hold
    WorkList drained;   ///< Session::onOutputDrained
    WorkList resumed;   ///< Session::onData with what it left
    WorkList closed;    ///< destroy the session, as soon as no code of a session runs
    WorkList ended;     ///< the client sends no more
    WorkList touched;   ///< send the output
    WorkList dead;      ///< close the socket

    /// Scratch of sendmsg.
    std::array<sdk::Bytes, 128> pieces;
    std::array<iovec, 128> vectors;
};

}  // namespace nsq::net
