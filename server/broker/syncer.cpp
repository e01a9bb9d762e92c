#include "broker/syncer.h"

#include <algorithm>
#include <utility>

#include "broker/topic.h"

namespace nsq::broker {

Syncer::Syncer() : thread_([this] { run(); }) {}

Syncer::~Syncer() {
    stop();
}

void Syncer::sync(Request request) {
    const std::lock_guard lock{mutex_};
    requests_.push_back(std::move(request));
    ++asked_;
    wake_.notify_one();
}

void Syncer::syncNow(const std::shared_ptr<Topic>& topic) {
    std::unique_lock lock{mutex_};
    requests_.push_back({{topic}, nullptr, nullptr});
    const std::uint64_t mine = ++asked_;
    wake_.notify_one();
    finished_.wait(lock, [&] { return done_ >= mine; });
}

void Syncer::stop() {
    {
        const std::lock_guard lock{mutex_};
        stopping_ = true;
        wake_.notify_one();
    }
    if (thread_.joinable()) thread_.join();
}

void Syncer::run() {
    std::unique_lock lock{mutex_};
    for (;;) {
        wake_.wait(lock, [&] { return stopping_ || !requests_.empty(); });
        if (requests_.empty()) return;
        const std::vector<Request> round = std::exchange(requests_, {});
        lock.unlock();
        std::vector<Topic*> topics;
        for (const Request& request : round) {
            for (const std::shared_ptr<Topic>& topic : request.topics) topics.push_back(topic.get());
        }
        std::ranges::sort(topics);
        const auto [last, end] = std::ranges::unique(topics);
        topics.erase(last, end);
        for (Topic* topic : topics) topic->sync();
        for (const Request& request : round) {
            if (request.loop != nullptr) request.loop->post(*request.done);
        }
        lock.lock();
        done_ += round.size();
        finished_.notify_all();
    }
}

}  // namespace nsq::broker
