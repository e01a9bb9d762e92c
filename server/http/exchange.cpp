#include "http/exchange.h"

#include <utility>

#include "faults/exception_text.h"

namespace nsq::http {

void ReturnQueue::push(std::shared_ptr<Exchange> exchange) {
    {
        const std::lock_guard lock(mutex_);
        answered_.push_back(std::move(exchange));
    }
    loop_.post(*this);
}

void ReturnQueue::run() {
    {
        const std::lock_guard lock(mutex_);
        batch_.swap(answered_);
    }
    for (const std::shared_ptr<Exchange>& exchange : batch_) {
        if (exchange->owner_ != nullptr) exchange->owner_->onAnswered(*exchange);
    }
    batch_.clear();
}

Exchange::Exchange(ExchangeOwner& owner, ReturnQueue& home, const sdk::HttpFallback& fallback,
                   BodyBudget& bodies, spdlog::logger& logger)
    : share(bodies), owner_(&owner), home_(home), fallback_(fallback), logger_(logger) {}

void Exchange::run() {
    answer();
    home_.push(shared_from_this());
}

void Exchange::answer() {
    try {
        response = entry->route.handler(request);
    } catch (...) {
        logger_.error("HTTP {} {}: the handler{}{} failed: {}", request.method, entry->route.path,
                      entry->plugin.empty() ? "" : " of plugin ", entry->plugin, faults::exceptionText());
        response = fallback_.internalError;
    }
}

}  // namespace nsq::http
