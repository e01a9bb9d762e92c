// How all messages of a topic are shown to one who exports them.

#include "broker/held_message.h"

#include <algorithm>

#include "broker/topic.h"

namespace nsq::broker {

namespace {

/// Messages outside of the log's order. What is damaged is left out; the store has reported it.
sdk::Result<void> visitPending(storage::LogStore& store, std::span<const DeferredMessage> pending,
                               const HeldVisitor& visit) {
    storage::FrameFinder finder{store};
    for (const auto& [due, message] : pending) {
        const auto found = finder.find(message.place, message.seq);
        if (!found) return found.error();
        const std::byte* const frame = found.value().frame;
        if (frame == nullptr) continue;
        if (auto visited = visit({frame, message.attempts, due != Clock::time_point{}}); !visited)
            return visited;
    }
    return {};
}

sdk::Result<void> visitFresh(storage::LogStore& store, const storage::LogCursor& from, std::uint64_t end,
                             const HeldVisitor& visit) {
    return storage::visitFrames(store, from, end, [&](const std::byte* frame) {
        return visit({frame, 0, false});
    });
}

}  // namespace

sdk::Result<void> Channel::visitHeld(const HeldVisitor& visit) const {
    const std::lock_guard lock{mutex_};
    std::vector<DeferredMessage> back;
    for (const PendingMessage& message : ready_) back.push_back({{}, message});
    for (const PendingMessage& message : held_) back.push_back({{}, message});
    if (auto visited = visitPending(store(), back, visit); !visited) return visited;
    storage::LogCursor from = cursor_;
    for (const Gap& gap : gaps_) {
        if (auto visited = visitFresh(store(), from, gap.fromIndex, visit); !visited) return visited;
        from = gap.to;
    }
    const std::uint64_t distributed = topic_->distributed.load(std::memory_order_seq_cst);
    if (auto visited = visitFresh(store(), from, distributed, visit); !visited) return visited;
    std::vector<DeferredMessage> deferred(deferred_.begin(), deferred_.end());
    std::ranges::sort(deferred, {}, &DeferredMessage::due);
    return visitPending(store(), deferred, visit);
}

sdk::Result<void> Topic::visitHeld(const HeldVisitor& visit) {
    const std::lock_guard lock{mutex_};
    if (auto visited = visitFresh(log_.store(), distributed_, log_.end().index, visit); !visited)
        return visited;
    return visitPending(log_.store(), undistributed_, visit);
}

}  // namespace nsq::broker
