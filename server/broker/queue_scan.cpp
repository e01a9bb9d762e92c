#include "broker/queue_scan.h"

#include "broker/breath.h"
#include "broker/channel.h"

namespace nsq::broker {

QueueScan::QueueScan() : thread_([this] { run(); }) {}

QueueScan::~QueueScan() {
    stop();
}

void QueueScan::schedule(const std::shared_ptr<Channel>& channel, sdk::Clock::time_point when) {
    const std::lock_guard lock{mutex_};
    const bool earliest = entries_.empty() || when < entries_.top().when;
    entries_.push({when, channel});
    if (earliest) changed_.notify_one();
}

void QueueScan::stop() {
    {
        const std::lock_guard lock{mutex_};
        stopping_ = true;
        changed_.notify_one();
    }
    if (thread_.joinable()) thread_.join();
}

void QueueScan::run() {
    std::unique_lock lock{mutex_};
    while (!stopping_) {
        if (entries_.empty()) {
            changed_.wait(lock);
            continue;
        }
        const sdk::Clock::time_point when = entries_.top().when;
        if (sdk::Clock::now() < when) {
            changed_.wait_until(lock, when);
            continue;
        }
        const std::shared_ptr<Channel> channel = entries_.top().channel.lock();
        entries_.pop();
        lock.unlock();
        // Those who have been waiting for the channel get it first.
        if (channel && channel->onDeadline(when)) std::this_thread::sleep_for(kBreath);
        lock.lock();
    }
}

}  // namespace nsq::broker
