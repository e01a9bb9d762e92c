#include "http/worker_pool.h"

#include <pthread.h>

#include <utility>

#include "net/blocked_signals.h"

namespace nsq::http {

WorkerPool::WorkerPool(int threads, std::size_t queueLimit, std::string name)
    : threadCount_(threads), queueLimit_(queueLimit), name_(std::move(name)) {}

WorkerPool::~WorkerPool() {
    stop();
}

void WorkerPool::start() {
    const net::BlockedSignals blocked;
    for (int number = 0; number < threadCount_; ++number) {
        std::thread& thread = threads_.emplace_back([this] { work(); });
        pthread_setname_np(thread.native_handle(), (name_ + '-' + std::to_string(number)).c_str());
    }
}

void WorkerPool::beginStop() {
    const std::lock_guard lock(mutex_);
    if (std::exchange(stopping_, true)) return;
    progressAt_ = std::chrono::steady_clock::now();
    changed_.notify_all();
}

bool WorkerPool::stop(std::chrono::milliseconds limit) {
    beginStop();
    std::unique_lock lock(mutex_);
    while (!working_.empty() && std::chrono::steady_clock::now() < progressAt_ + limit) {
        changed_.wait_until(lock, progressAt_ + limit);
    }
    const bool ended = working_.empty();
    lock.unlock();
    for (std::thread& thread : threads_) ended ? thread.join() : thread.detach();
    threads_.clear();
    return ended;
}

std::set<faults::CodeOwner*> WorkerPool::busyWith() {
    const std::lock_guard lock(mutex_);
    std::set<faults::CodeOwner*> owners;
    for (const faults::Whereabouts* thread : working_) {
        if (faults::CodeOwner* const owner = thread->owner) owners.insert(owner);
    }
    return owners;
}

bool WorkerPool::submit(std::shared_ptr<Job> job) {
    {
        const std::lock_guard lock(mutex_);
        if (stopping_ || queue_.size() >= queueLimit_) return false;
        queue_.push_back(std::move(job));
    }
    changed_.notify_one();
    return true;
}

void WorkerPool::work() {
    std::unique_lock lock(mutex_);
    working_.push_back(&faults::whereabouts());
    for (;;) {
        changed_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
        if (queue_.empty()) break;
        std::shared_ptr<Job> job = std::move(queue_.front());
        queue_.pop_front();
        lock.unlock();
        job->run();
        job.reset();
        lock.lock();
        progressAt_ = std::chrono::steady_clock::now();
    }
    std::erase(working_, &faults::whereabouts());
    changed_.notify_all();
}

}  // namespace nsq::http
