// What a broker takes over from a stock nsqd that used the data directory before.

#include <algorithm>

#include "broker/broker.h"
#include "broker/stock_import.h"

namespace nsq::broker {

using sdk::Result;

Result<void> Broker::takeOver(const std::vector<storage::TopicMetadata>& foreign) {
    for (const storage::TopicMetadata& topic : foreign) {
        if (auto taken = takeOver(topic); !taken) return taken;
    }
    if (!foreign.empty()) {
        if (auto synced = syncTopics(); !synced) return synced;
    }
    return takeOverQueues();
}

/// What the other server's metadata named must be on the disk before ours replaces it.
Result<void> Broker::syncTopics() {
    const std::vector<TopicPtr> all = topics();
    syncer_.syncNow(all);
    for (const TopicPtr& topic : all) {
        if (auto synced = topic->syncedState(); !synced) return synced;
    }
    return {};
}

/// Another server's metadata: what it names exists, and is paused as it says.
Result<void> Broker::takeOver(const storage::TopicMetadata& foreign) {
    const Result<TopicPtr> topic = makeTopic(foreign.name);
    if (!topic) return topic.error();
    if (auto paused = topic.value()->setPaused(foreign.paused); !paused) return paused;
    for (const storage::ChannelMetadata& channel : foreign.channels) {
        const Result<ChannelPtr> made = makeChannel(*topic.value(), channel.name);
        if (!made) return made.error();
        if (auto paused = topic.value()->setChannelPaused(*made.value(), channel.paused); !paused)
            return paused;
    }
    return {};
}

/// The messages of its queues. Queues without any are removed at the end, all with the same few syncs.
Result<void> Broker::takeOverQueues() {
    const auto found = storage::listStockQueues(config_.dataPath);
    if (!found) return found.error();
    std::vector<storage::StockRemoval> drained;
    for (std::span<const storage::StockQueue> rest{found.value()}; !rest.empty();) {
        const auto isOther = [&](const storage::StockQueue& queue) { return queue.topic != rest[0].topic; };
        const auto count =
            static_cast<std::size_t>(std::ranges::find_if(rest, isOther) - std::ranges::begin(rest));
        if (auto taken = takeOverQueues(rest.first(count), drained); !taken) return taken;
        rest = rest.subspan(count);
    }
    return storage::removeStockQueues(drained);
}

/// Those of one topic, its own first. Those with nothing unread go to `drained`.
Result<void> Broker::takeOverQueues(std::span<const storage::StockQueue> queues,
                                    std::vector<storage::StockRemoval>& drained) {
    std::vector<std::pair<storage::StockQueue, storage::StockQueueReader>> unread;
    for (const storage::StockQueue& queue : queues) {
        auto reader = storage::StockQueueReader::open(queue, static_cast<std::size_t>(config_.maxMsgSize));
        if (!reader) return reader.error();
        if (reader.value().totalBytes() > 0) {
            unread.emplace_back(queue, std::move(reader).value());
            continue;
        }
        if (const auto end = reader.value().next(); !end) return end.error();
        const storage::StockReadReport& report = reader.value().report();
        for (const std::string& warning : report.warnings) logger_.warn("{}", warning);
        drained.push_back({queue, report.setAside});
    }
    if (unread.empty()) return {};
    // What stock had given to the channels is older than what waits in the topic.
    std::ranges::stable_partition(unread,
                                  [](const auto& source) { return source.first.channel.has_value(); });
    const Result<TopicPtr> topic = makeTopic(queues.front().topic);
    if (!topic) return topic.error();
    StockImport import{*topic.value(), logger_};
    for (auto& [queue, reader] : unread) {
        ChannelPtr channel;
        if (queue.channel) {
            const Result<ChannelPtr> made = makeChannel(*topic.value(), *queue.channel);
            if (!made) return made.error();
            channel = made.value();
        }
        import.add(std::move(queue), std::move(reader), std::move(channel));
    }
    return import.run();
}

}  // namespace nsq::broker
