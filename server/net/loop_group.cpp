#include "net/loop_group.h"

#include <algorithm>
#include <iterator>
#include <mutex>
#include <string>
#include <utility>

#include "net/countdown.h"

namespace nsq::net {

using namespace std::chrono_literals;

namespace {

/// What a loop may take for a question, its current turn included (the SDK's promise for Host::clients).
constexpr auto kAnswerTimeout = 1s;

/// Where loops leave their clients. Shared with them: who asked may have gone when the last one answers.
struct Answers {
    explicit Answers(std::size_t loops) : countdown(loops) {}

    Countdown countdown;
    std::mutex mutex;
    std::vector<sdk::ClientStats> clients;  ///< guarded by mutex
};

}  // namespace

LoopGroup::LoopGroup(int threads, spdlog::logger& logger, const ConnectionSettings& settings,
                     faults::CodeOwners* owners) {
    for (int i = 0; i < std::max(threads, 1); ++i) {
        loops_.push_back(std::make_unique<EventLoop>("loop-" + std::to_string(i), logger, settings, owners));
    }
}

LoopGroup::~LoopGroup() {
    stop();
}

void LoopGroup::start() {
    for (const auto& loop : loops_) loop->start();
}

bool LoopGroup::stop(std::chrono::milliseconds limit) {
    for (const auto& loop : loops_) loop->beginStop();
    bool stopped = true;
    for (const auto& loop : loops_) stopped = loop->stop(limit) && stopped;
    return stopped;
}

EventLoop& LoopGroup::next() {
    return *loops_[turn_.fetch_add(1, std::memory_order_relaxed) % loops_.size()];
}

std::vector<sdk::ClientStats> LoopGroup::clients() {
    const auto answers = std::make_shared<Answers>(loops_.size());
    for (const auto& loop : loops_) {
        const bool asked = loop->submit([answers, &loop = *loop] {
            std::vector<sdk::ClientStats> clients = loop.clients();
            {
                const std::lock_guard lock(answers->mutex);
                std::ranges::move(clients, std::back_inserter(answers->clients));
            }
            answers->countdown.arrive();
        });
        if (!asked) answers->countdown.arrive();
    }
    answers->countdown.waitFor(kAnswerTimeout);
    const std::lock_guard lock(answers->mutex);
    return std::move(answers->clients);
}

void LoopGroup::closeConnections(std::chrono::milliseconds limit) {
    const auto deadline = sdk::Clock::now() + limit;
    closeConnections(ConnectionKind::kProtocol, limit);
    const auto left = std::chrono::floor<std::chrono::milliseconds>(deadline - sdk::Clock::now());
    closeConnections(ConnectionKind::kHttp, std::max(left, 0ms));
}

bool LoopGroup::closeConnections(ConnectionKind kind, std::chrono::milliseconds limit) {
    const auto closed = std::make_shared<Countdown>(loops_.size());
    for (const auto& loop : loops_) {
        const bool asked = loop->submit(
            [closed, kind, &loop = *loop] { loop.closeAll(kind, [closed] { closed->arrive(); }); });
        if (!asked) closed->arrive();
    }
    if (closed->waitFor(limit)) return true;
    for (const auto& loop : loops_) {
        loop->submit([kind, &loop = *loop] { loop.dropAll(kind, "it was not closed in time"); });
    }
    return closed->waitFor(kAnswerTimeout);
}

}  // namespace nsq::net
