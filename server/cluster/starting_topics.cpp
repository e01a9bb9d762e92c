#include "cluster/starting_topics.h"

#include <utility>

namespace nsq::cluster {

StartingTopics::StartingTopics(Clock::duration timeout, Start start, GiveUp giveUp)
    : timeout_(timeout), start_(std::move(start)), giveUp_(std::move(giveUp)), thread_([this] { run(); }) {}

StartingTopics::~StartingTopics() {
    {
        const std::lock_guard lock{mutex_};
        stopping_ = true;
        wake_.notify_all();
    }
    thread_.join();
}

StartingTopics::Added StartingTopics::add(const std::string& topic, std::size_t answers) {
    const std::lock_guard lock{mutex_};
    const Clock::time_point deadline = Clock::now() + timeout_;
    // The thread sleeps until the deadline of the first.
    if (waiting_.empty()) wake_.notify_all();
    waiting_.emplace(++lastNumber_, Waiting{topic, answers, deadline, {}});
    return {lastNumber_, deadline};
}

void StartingTopics::answer(std::uint64_t number, const std::vector<std::string>& channels) {
    const std::lock_guard lock{mutex_};
    const auto found = waiting_.find(number);
    if (found == waiting_.end()) return;  // too late
    Waiting& waiting = found->second;
    waiting.channels.insert(channels.begin(), channels.end());
    if (--waiting.answers > 0) return;
    ready_.insert(waiting_.extract(found));
    wake_.notify_all();
}

void StartingTopics::run() {
    std::unique_lock lock{mutex_};
    while (!stopping_) {
        if (!ready_.empty()) {
            auto ready = ready_.extract(ready_.begin());
            lock.unlock();
            start_(ready.mapped().topic, std::move(ready.mapped().channels));
            lock.lock();
        } else if (waiting_.empty()) {
            wake_.wait(lock);
        } else if (const auto first = waiting_.begin(); Clock::now() < first->second.deadline) {
            wake_.wait_until(lock, first->second.deadline);
        } else {
            const std::uint64_t number = first->first;
            ready_.insert(waiting_.extract(first));
            lock.unlock();
            giveUp_(number);
            lock.lock();
        }
    }
}

}  // namespace nsq::cluster
