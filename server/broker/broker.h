#pragma once

#include <spdlog/logger.h>

#include <atomic>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <unordered_map>

#include "broker/disk_health.h"
#include "broker/keeper.h"
#include "broker/known_topic.h"
#include "broker/metadata_writer.h"
#include "broker/queue_scan.h"
#include "broker/stock_export.h"
#include "broker/syncer.h"
#include "broker/topic.h"
#include "broker/topic_listener.h"
#include "broker/turn_commit.h"
#include "nsq/sdk/broker.h"

namespace nsq::broker {

/// What a broker is told at its start; the options of the same names.
struct BrokerConfig {
    std::filesystem::path dataPath;
    int nodeId = 0;
    std::int64_t memQueueSize = 10000;
    std::int64_t maxBytesPerFile = 104857600;
    Durability durability = Durability::kCrash;
    std::int64_t syncEvery = 2500;
    std::chrono::milliseconds syncTimeout{2000};
    std::chrono::milliseconds maxMsgTimeout{900'000};
    std::int64_t maxMsgSize = 1048576;
    int maxChannelConsumers = 0;
    std::vector<double> latencyQuantiles;  ///< e2e-processing-latency-percentile
    std::chrono::nanoseconds latencyWindow = std::chrono::minutes{10};
};

/// Topics and their channels. Made and destroyed by main; between start() and stop() used by everybody.
class Broker final : public sdk::Broker {
public:
    Broker(BrokerConfig config, spdlog::logger& logger);
    ~Broker();

    /// Restores what an earlier run left in the data directory. kStorage when the directory cannot be used.
    /// THREAD: main, before anything else is called.
    sdk::Result<void> start();

    /// Instead of start(), for exportTo() only: restores without changing anything but what a start has to
    /// repair. kStorage, also when there is something of a stock nsqd that a start would take over.
    sdk::Result<void> openForExport();

    /// Writes everything into `directory`, which is made, or empty, as a stock nsqd's data directory.
    /// kInvalid when it is no such directory; kStorage: it is incomplete then, and a stock nsqd does not
    /// start on it.
    sdk::Result<ExportSummary> exportTo(const std::filesystem::path& directory) const;

    /// Who is told of topics and channels from now on; null: nobody. What was restored is there already.
    /// THREAD: main, while nobody else uses the broker.
    void setListener(TopicListener* listener) { listener_ = listener; }

    /// Refuses publishes from now on. THREAD: any.
    void refusePublishes() { exiting_.store(true, std::memory_order_release); }

    /// Saves everything. No loop and no HTTP module uses the broker any more. THREAD: main.
    sdk::Result<void> stop();

    std::unique_ptr<sdk::Publisher> openPublisher(sdk::Loop& loop, sdk::PublishListener& listener) override;
    sdk::Result<void> publish(const sdk::Publication& publication) override;
    bool publishWaits() const override { return config_.durability == Durability::kPower; }
    sdk::Result<std::unique_ptr<sdk::Subscription>> subscribe(std::string_view topic,
                                                              std::string_view channel,
                                                              const sdk::SubscribeOptions& options,
                                                              sdk::Loop& loop,
                                                              sdk::SubscriptionListener& listener) override;
    sdk::Result<void> createTopic(std::string_view topic) override;
    sdk::Result<void> deleteTopic(std::string_view topic) override;
    sdk::Result<void> emptyTopic(std::string_view topic) override;
    sdk::Result<void> pauseTopic(std::string_view topic, bool paused) override;
    sdk::Result<void> createChannel(std::string_view topic, std::string_view channel) override;
    sdk::Result<void> deleteChannel(std::string_view topic, std::string_view channel) override;
    sdk::Result<void> emptyChannel(std::string_view topic, std::string_view channel) override;
    sdk::Result<void> pauseChannel(std::string_view topic, std::string_view channel, bool paused) override;
    bool hasTopic(std::string_view topic) const override;
    std::vector<sdk::TopicStats> stats(const sdk::StatsFilter& filter) const override;
    sdk::Result<void> health() const override;
    std::uint64_t damagedBatches() const override;

    // For the topic listener. THREAD: any but a loop.

    std::vector<std::string> topicNames() const;

    /// nullopt: there is no such topic.
    std::optional<KnownTopic> known(std::string_view topic) const;

    /// Makes the channels, then gives a topic that was told to wait (TopicListener::onNewTopic) its start:
    /// each channel gets all its messages. Nothing when there is no such topic any more, or it does not wait;
    /// without the start when publishes are refused meanwhile. A channel that cannot be made is said so in
    /// the log.
    void startTopic(std::string_view topic, const Identity& identity, std::span<const std::string> channels);

    // For publishers and subscriptions.

    /// Appends without committing; the result is for Topic::outcome. `cached` is the caller's last topic,
    /// tried first and replaced. THREAD: any.
    sdk::Result<std::uint64_t> append(const sdk::Publication& publication, std::shared_ptr<Topic>& cached);

    /// The last consumer of `channel` has left: an ephemeral channel goes, and an ephemeral topic with its
    /// last channel. THREAD: any.
    void onUnused(Topic& topic, Channel& channel);

private:
    using TopicPtr = std::shared_ptr<Topic>;
    using ChannelPtr = std::shared_ptr<Channel>;

    TopicPtr findTopic(std::string_view name) const;
    sdk::Result<TopicPtr> existingTopic(std::string_view name) const;
    sdk::Result<ChannelPtr> existingChannel(const Topic& topic, std::string_view name) const;
    sdk::Result<TopicPtr> makeTopic(std::string_view name);
    sdk::Result<ChannelPtr> makeChannel(Topic& topic, std::string_view name);
    sdk::Result<void> removeTopic(const TopicPtr& topic);
    sdk::Result<void> synced(const TopicPtr& topic);
    sdk::Result<void> openLease();
    void makeContext();
    sdk::Result<std::vector<storage::TopicMetadata>> restoreTopics();
    sdk::Result<void> restoreTopic(const std::string& name, const storage::TopicMetadata& metadata);

    // broker_take_over.cpp: from a stock nsqd.
    sdk::Result<void> takeOver(const std::vector<storage::TopicMetadata>& foreign);
    sdk::Result<void> takeOver(const storage::TopicMetadata& foreign);
    sdk::Result<void> syncTopics();
    sdk::Result<void> takeOverQueues();
    sdk::Result<void> takeOverQueues(std::span<const storage::StockQueue> queues,
                                     std::vector<storage::StockRemoval>& drained);

    sdk::Result<void> finishTopic(Topic& topic) const;
    std::vector<storage::TopicMetadata> metadata() const;
    void metadataChanged();
    void tellOf(const Topic& topic) const;
    std::vector<TopicPtr> topics() const;

    const BrokerConfig config_;
    spdlog::logger& logger_;
    std::atomic<bool> exiting_{false};
    std::unique_ptr<storage::SequenceLease> lease_;
    QueueScan scan_;
    DiskHealth health_;
    std::unique_ptr<TopicContext> context_;
    TopicListener* listener_ = nullptr;

    mutable std::shared_mutex mutex_;  ///< guards topics_; never held while a topic's lock is taken for long
    std::map<std::string, TopicPtr, std::less<>> topics_;

    std::mutex turnsMutex_;
    std::unordered_map<sdk::Loop*, std::unique_ptr<TurnCommit>> turns_;

    std::unique_ptr<MetadataWriter> metadataWriter_;
    Syncer syncer_{config_.durability == Durability::kCrash ? config_.dataPath : std::filesystem::path{}};
    Keeper keeper_;
};

}  // namespace nsq::broker
