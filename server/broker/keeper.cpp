#include "broker/keeper.h"

#include <utility>

#include "broker/topic.h"

namespace nsq::broker {

Keeper::Keeper() : thread_([this] { run(); }) {}

Keeper::~Keeper() {
    stop();
}

void Keeper::visit(const std::weak_ptr<Topic>& topic) {
    const std::lock_guard lock{mutex_};
    marked_.push_back(topic);
    if (marked_.size() == 1) wake_.notify_one();
}

void Keeper::hurry() {
    const std::lock_guard lock{mutex_};
    hurried_ = true;
    wake_.notify_one();
}

void Keeper::stop() {
    {
        const std::lock_guard lock{mutex_};
        stopping_ = true;
        wake_.notify_one();
    }
    if (thread_.joinable()) thread_.join();
}

void Keeper::run() {
    std::unique_lock lock{mutex_};
    while (!stopping_) {
        const auto isWanted = [&] { return stopping_ || !marked_.empty(); };
        if (later_.empty()) {
            wake_.wait(lock, isWanted);
        } else {
            wake_.wait_until(lock, later_.begin()->first, isWanted);
        }
        // What comes in a burst is saved together.
        if (!marked_.empty()) wake_.wait_for(lock, kSaveAfter, [&] { return stopping_ || hurried_; });
        if (hurried_) wake_.wait_for(lock, kHurriedAfter, [&] { return stopping_; });
        hurried_ = false;
        if (stopping_) return;
        std::vector<std::weak_ptr<Topic>> topics = std::exchange(marked_, {});
        lock.unlock();
        const sdk::Clock::time_point now = sdk::Clock::now();
        while (!later_.empty() && later_.begin()->first <= now) {
            topics.push_back(std::move(later_.begin()->second));
            later_.erase(later_.begin());
        }
        visitAll(std::move(topics));
        lock.lock();
    }
}

void Keeper::visitAll(std::vector<std::weak_ptr<Topic>> topics) {
    for (const std::weak_ptr<Topic>& weak : topics) {
        const std::shared_ptr<Topic> topic = weak.lock();
        if (!topic) continue;
        if (const auto again = topic->keep()) later_.emplace(sdk::Clock::now() + *again, weak);
    }
}

}  // namespace nsq::broker
