#pragma once

#include <spdlog/logger.h>

#include <atomic>
#include <memory>
#include <string>

#include "broker/disk_health.h"
#include "broker/keeper.h"
#include "storage/log_store.h"

namespace nsq::broker {

class Topic;

/// What a topic and its channels share. It outlives them.
struct TopicShared {
    TopicShared(std::string theName, Keeper* theKeeper, DiskHealth& theHealth, spdlog::logger& logger)
        : name(std::move(theName)),
          health(theHealth),
          store(std::make_shared<storage::LogStore>(std::make_shared<std::atomic<std::int64_t>>(0),
                                                    [topicName = name, &logger](const std::string& wrong) {
                                                        logger.error("TOPIC({}): {}", topicName, wrong);
                                                    })),
          keeper(theKeeper) {}

    /// There is something to save. THREAD: any.
    void mark() {
        if (keeper != nullptr && !marked.exchange(true, std::memory_order_acq_rel)) keeper->visit(topic);
    }

    /// There is something that waits for being saved. THREAD: any.
    void hurry() {
        if (keeper == nullptr) return;
        mark();
        keeper->hurry();
    }

    /// The number of the save that will have what happens now. THREAD: any.
    std::uint32_t nextSave() const { return saves.load(std::memory_order_acquire) + 1; }

    /// Whether the save of that number is done. THREAD: any.
    bool isDone(std::uint32_t save) const {
        // Numbers begin anew after the largest. None is further ahead than the one after a save under way.
        const std::uint32_t ahead = save - savesDone.load(std::memory_order_acquire);
        return ahead == 0 || ahead > 2;
    }

    const std::string name;
    DiskHealth& health;
    const std::shared_ptr<storage::LogStore> store;
    Keeper* const keeper;  ///< null: nothing of the topic touches the disk
    std::weak_ptr<Topic> topic;
    std::atomic<bool> marked{false};            ///< the keeper will come
    std::atomic<std::uint64_t> distributed{0};  ///< channels may take the messages before this ordinal
    std::atomic<std::uint32_t> saves{0};        ///< begun
    std::atomic<std::uint32_t> savesDone{0};
    std::atomic<bool> cannotSave{false};  ///< the last save failed
};

}  // namespace nsq::broker
