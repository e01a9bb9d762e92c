#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <queue>
#include <thread>
#include <vector>

#include "nsq/sdk/loop.h"

namespace nsq::broker {

class Channel;

/// Wakes channels when the next of their timeouts or deferred messages is due: one thread that sleeps until
/// the earliest deadline of all, so an idle server does nothing.
class QueueScan {
public:
    QueueScan();
    ~QueueScan();

    /// Calls channel->onDeadline(when) at `when`, unless the channel is gone by then. THREAD: any; the
    /// channel's lock may be held.
    void schedule(const std::shared_ptr<Channel>& channel, sdk::Clock::time_point when);

    /// No channel is called after this. THREAD: any but its own.
    void stop();

private:
    struct Entry {
        sdk::Clock::time_point when;
        std::weak_ptr<Channel> channel;

        friend bool operator<(const Entry& a, const Entry& b) { return a.when > b.when; }
    };

    void run();

    std::mutex mutex_;
    std::condition_variable changed_;
    std::priority_queue<Entry> entries_;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace nsq::broker
