#pragma once

#include <spdlog/logger.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "net/event_loop.h"
#include "net/session_opener.h"
#include "nsq/sdk/stats.h"

namespace nsq::net {

/// The server's event loops. Stop the listeners first, then close the connections, then stop the group.
/// THREAD: main; next and clients: any, but clients not a loop.
class LoopGroup {
public:
    /// `threads` is at least 1. `logger` outlives the group and is safe from any thread. So does `owners`;
    /// see EventLoop. Throws std::system_error when the process has no descriptor left.
    LoopGroup(int threads, spdlog::logger& logger, const ConnectionSettings& settings = {},
              faults::CodeOwners* owners = nullptr);

    /// Stops, if that was not done.
    ~LoopGroup();

    void start();

    /// Closes what is left as it is and joins the threads; every session is destroyed on its own. Once only.
    /// False when a loop has not stopped after `limit`; see EventLoop.
    bool stop(std::chrono::milliseconds limit = faults::kForever);

    /// The loops in turns.
    EventLoop& next();

    std::size_t size() const { return loops_.size(); }

    /// Every connection of kind kProtocol that has a session, in no order. Waits a second at most: the
    /// clients of a loop that takes longer are missing.
    std::vector<sdk::ClientStats> clients();

    /// Closes every connection once its output is sent. Returns when all are closed; those that are not after
    /// `limit` are closed as they are. False when a loop does not even do that in a second.
    void closeConnections(std::chrono::milliseconds limit = std::chrono::seconds{5});
    bool closeConnections(ConnectionKind kind, std::chrono::milliseconds limit = std::chrono::seconds{5});

private:
    std::vector<std::unique_ptr<EventLoop>> loops_;
    std::atomic<std::size_t> turn_{0};
};

}  // namespace nsq::net
