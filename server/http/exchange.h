#pragma once

#include <spdlog/logger.h>

#include <memory>
#include <mutex>
#include <vector>

#include "http/body_budget.h"
#include "http/router.h"
#include "http/worker_pool.h"
#include "nsq/sdk/http.h"
#include "nsq/sdk/loop.h"

namespace nsq::http {

class Exchange;

/// Who waits for an exchange's response.
class ExchangeOwner {
public:
    /// The response is there, to be taken. THREAD: the owner's loop. Must not throw.
    virtual void onAnswered(Exchange& exchange) = 0;

protected:
    ~ExchangeOwner() = default;
};

/// Answered exchanges on their way from the workers back to one loop, which is woken once for many.
/// Outlives the workers' jobs for that loop; is destroyed when neither workers nor the loop run any more.
class ReturnQueue final : public sdk::LoopTask {
public:
    explicit ReturnQueue(sdk::Loop& loop) : loop_(loop) {}

    sdk::Loop& loop() const { return loop_; }

    /// THREAD: any.
    void push(std::shared_ptr<Exchange> exchange);

    /// Tells the owners. THREAD: the loop.
    void run() override;

private:
    sdk::Loop& loop_;
    std::mutex mutex_;
    std::vector<std::shared_ptr<Exchange>> answered_;  ///< guarded by mutex_
    std::vector<std::shared_ptr<Exchange>> batch_;     ///< THREAD: the loop
};

/// One request and its response. Belongs to its session while the request is read and after the response
/// came, to a worker in between. A session that goes away first leaves it alone to be answered for nobody.
class Exchange final : public Job, public std::enable_shared_from_this<Exchange> {
public:
    /// `owner` calls abandon() before it goes. The others outlive the exchange. THREAD: the loop.
    Exchange(ExchangeOwner& owner, ReturnQueue& home, const sdk::HttpFallback& fallback, BodyBudget& bodies,
             spdlog::logger& logger);

    /// Filled in by the session, then read by the worker.
    sdk::HttpRequest request;
    const RouteEntry* entry = nullptr;

    /// What the request's body takes of all bodies' memory.
    BodyShare share;

    /// Filled in by the worker, then read by the session.
    sdk::HttpResponse response;

    /// Calls the handler and sends the exchange home. THREAD: a worker.
    void run() override;

    /// Calls the handler; an exception becomes a log line and the fallback for errors. THREAD: any, once.
    void answer();

    /// The owner goes: nobody is told of the response. THREAD: the loop.
    void abandon() { owner_ = nullptr; }

private:
    friend class ReturnQueue;

    ExchangeOwner* owner_;  ///< THREAD: the loop
    ReturnQueue& home_;
    const sdk::HttpFallback& fallback_;
    spdlog::logger& logger_;
};

}  // namespace nsq::http
