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

void WorkerPool::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_all();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
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
    for (;;) {
        changed_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
        if (queue_.empty()) return;
        std::shared_ptr<Job> job = std::move(queue_.front());
        queue_.pop_front();
        lock.unlock();
        job->run();
        job.reset();
        lock.lock();
    }
}

}  // namespace nsq::http
