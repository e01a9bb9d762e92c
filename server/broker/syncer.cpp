#include "broker/syncer.h"

#include <algorithm>
#include <utility>

#include "broker/topic.h"
#include "storage/file_io.h"

namespace nsq::broker {

namespace {

/// So many topics are synced with one call: each takes up to four of its own (chosen).
constexpr std::size_t kMany = 32;

/// A file system is synced at most once in this time: the kernel looks at all it knows of it (chosen).
constexpr std::chrono::seconds kPause{1};

}  // namespace

Syncer::Syncer(std::filesystem::path fileSystem)
    : fileSystem_(std::move(fileSystem)), thread_([this] { run(); }) {}

Syncer::~Syncer() {
    stop(false);
}

void Syncer::sync(Request request) {
    const std::lock_guard lock{mutex_};
    requests_.push_back(std::move(request));
    ++asked_;
    wake_.notify_one();
}

void Syncer::syncNow(std::vector<std::shared_ptr<Topic>> topics) {
    std::unique_lock lock{mutex_};
    requests_.push_back({std::move(topics), nullptr, nullptr});
    const std::uint64_t mine = ++asked_;
    wake_.notify_one();
    finished_.wait(lock, [&] { return done_ >= mine; });
}

void Syncer::stop(bool hurries) {
    {
        const std::lock_guard lock{mutex_};
        stopping_ = true;
        if (hurries) requests_.clear();
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
        const bool isWhole = syncAll(topics);
        for (const Request& request : round) {
            if (request.loop != nullptr) request.loop->post(*request.done);
        }
        lock.lock();
        done_ += round.size();
        finished_.notify_all();
        if (isWhole) wake_.wait_for(lock, kPause, [&] { return stopping_; });
    }
}

/// True when it synced the whole file system.
bool Syncer::syncAll(const std::vector<Topic*>& topics) const {
    if (fileSystem_.empty() || topics.size() < kMany) {
        for (Topic* topic : topics) topic->sync();
        return false;
    }
    std::vector<std::pair<Topic*, Topic::SyncWork>> begun;
    for (Topic* topic : topics) {
        auto work = topic->beginSync();
        if (!work) continue;
        topic->takeUnsyncedNames();
        begun.emplace_back(topic, std::move(*work));
    }
    const auto synced = storage::syncFileSystem(fileSystem_);
    for (const auto& [topic, work] : begun) {
        if (!synced) {
            for (const storage::SegmentPtr& segment : work.segments) segment->distrust();
        }
        topic->endSync(work, {work.stateSaved ? synced : work.stateSaved, synced, synced});
    }
    return true;
}

}  // namespace nsq::broker
