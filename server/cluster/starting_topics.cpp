#include "cluster/starting_topics.h"

#include <utility>

namespace nsq::cluster {

StartingTopics::StartingTopics(Start start) : start_(std::move(start)), thread_([this] { run(); }) {}

StartingTopics::~StartingTopics() {
    stop();
}

void StartingTopics::stop() {
    {
        const std::lock_guard lock{mutex_};
        stopping_ = true;
        wake_.notify_all();
    }
    if (thread_.joinable()) thread_.join();
}

std::uint64_t StartingTopics::add(const std::string& topic, broker::Identity identity, std::size_t answers) {
    const std::lock_guard lock{mutex_};
    waiting_.emplace(++lastNumber_, Waiting{topic, std::move(identity), answers, {}});
    return lastNumber_;
}

void StartingTopics::answer(std::uint64_t number, const std::vector<std::string>& channels) {
    const std::lock_guard lock{mutex_};
    const auto found = waiting_.find(number);
    Waiting& waiting = found->second;
    waiting.channels.insert(channels.begin(), channels.end());
    if (--waiting.answers > 0) return;
    ready_.insert(waiting_.extract(found));
    wake_.notify_all();
}

void StartingTopics::run() {
    std::unique_lock lock{mutex_};
    for (;;) {
        wake_.wait(lock, [this] { return stopping_ || !ready_.empty(); });
        if (stopping_) return;
        auto ready = ready_.extract(ready_.begin());
        Waiting& waiting = ready.mapped();
        lock.unlock();
        start_(waiting.topic, waiting.identity, std::move(waiting.channels));
        lock.lock();
    }
}

}  // namespace nsq::cluster
