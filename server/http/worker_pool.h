#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "faults/calling.h"

namespace nsq::http {

/// Something a worker does once.
class Job {
public:
    virtual ~Job() = default;

    /// Must not throw. THREAD: a worker.
    virtual void run() = 0;
};

/// Threads for work that may block, with a queue that has an end.
class WorkerPool {
public:
    /// `threads` is at least 1; `queueLimit` jobs may wait beside those that run. `name` begins the threads'
    /// names.
    WorkerPool(int threads, std::size_t queueLimit, std::string name = "http");

    /// Stops, if that was not done.
    ~WorkerPool();

    /// Starts the threads. Once only. Throws std::system_error when the process may have no more.
    /// THREAD: main.
    void start();

    /// No further jobs are accepted. THREAD: main.
    void beginStop();

    /// beginStop(), lets the jobs that were accepted run, and joins the threads. False when none has ended
    /// for `limit`, counted from beginStop() on: the pool must stay until the process ends. THREAD: main.
    bool stop(std::chrono::milliseconds limit = faults::kForever);

    /// Whose code the jobs that run are in, the server's own left out. THREAD: main.
    std::set<faults::CodeOwner*> busyWith();

    /// False, and the job is not kept, when the queue is full or the pool is stopping. THREAD: any.
    bool submit(std::shared_ptr<Job> job);

private:
    void work();

    const int threadCount_;
    const std::size_t queueLimit_;
    const std::string name_;
    std::mutex mutex_;  ///< guards the next five
    std::condition_variable changed_;
    std::vector<const faults::Whereabouts*> working_;  ///< of the threads that have not ended
    std::deque<std::shared_ptr<Job>> queue_;
    bool stopping_ = false;
    std::chrono::steady_clock::time_point progressAt_;  ///< a job ended, or beginStop() was called
    std::vector<std::thread> threads_;                  ///< THREAD: main
};

}  // namespace nsq::http
