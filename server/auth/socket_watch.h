#pragma once

#include <condition_variable>
#include <list>
#include <mutex>
#include <thread>

#include "net/fd.h"
#include "nsq/sdk/loop.h"

namespace nsq::auth {

/// Ends blocking conversations over connected sockets: each one when its time is over, all of them when the
/// server stops. It shuts the sockets down, which fails whatever a thread waits for in them.
class SocketWatch {
    struct Watched {
        net::Fd socket;
        sdk::Clock::time_point deadline;
        bool ended = false;
    };

public:
    SocketWatch() = default;

    /// Stops, if that was not done.
    ~SocketWatch();

    void start();  ///< THREAD: main

    /// Ends all conversations, those to come as well. THREAD: any.
    void endAll();

    /// When there are no conversations any more. THREAD: main.
    void stop();

    /// A conversation, as long as it lives. THREAD: its own.
    class Guard {
    public:
        /// Keeps a duplicate of `socket`, so that it may be closed at any time.
        Guard(SocketWatch& watch, int socket, sdk::Clock::time_point deadline);
        Guard(const Guard&) = delete;
        Guard& operator=(const Guard&) = delete;
        ~Guard();

        /// It was ended by the watch.
        bool ended() const;

    private:
        SocketWatch& watch_;
        std::list<Watched>::iterator watched_;
    };

private:
    void run();
    sdk::Clock::time_point endOverdue();

    mutable std::mutex mutex_;  ///< guards the rest but the thread
    std::condition_variable changed_;
    std::list<Watched> watched_;
    bool endAll_ = false;
    bool stopping_ = false;
    std::thread thread_;  ///< THREAD: main
};

}  // namespace nsq::auth
