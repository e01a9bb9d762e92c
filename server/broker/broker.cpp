#include "broker/broker.h"

#include <algorithm>
#include <numeric>

#include "broker/channel_subscription.h"
#include "nsq/sdk/names.h"
#include "storage/file_io.h"
#include "storage/topic_directory.h"

namespace nsq::broker {

using sdk::Error;
using sdk::ErrorCode;
using sdk::Result;

namespace {

Error exiting() {
    return {ErrorCode::kExiting, "exiting"};
}

Error badTopic(std::string_view name) {
    return {ErrorCode::kBadTopic, "topic name \"" + std::string(name) + "\" is not valid"};
}

Error badChannel(std::string_view name) {
    return {ErrorCode::kBadChannel, "channel name \"" + std::string(name) + "\" is not valid"};
}

}  // namespace

Broker::Broker(BrokerConfig config, spdlog::logger& logger) : config_(std::move(config)), logger_(logger) {}

Broker::~Broker() {
    scan_.stop();
    metadataWriter_.reset();
}

// ---- publishing and subscribing

std::unique_ptr<sdk::Publisher> Broker::openPublisher(sdk::Loop& loop, sdk::PublishListener& listener) {
    const std::lock_guard lock{turnsMutex_};
    std::unique_ptr<TurnCommit>& turn = turns_[&loop];
    if (!turn) turn = std::make_unique<TurnCommit>(loop);
    return std::make_unique<TurnPublisher>(*this, *turn, listener);
}

Result<void> Broker::append(const sdk::Publication& publication, TopicPtr& cached) {
    if (exiting_.load(std::memory_order_acquire)) return exiting();
    // A topic may be deleted under our hands; publishing makes it anew, as it would have a moment later.
    for (int attempt = 0;; ++attempt) {
        if (!cached || cached->name() != publication.topic) {
            Result<TopicPtr> topic = makeTopic(publication.topic);
            if (!topic) return topic.error();
            cached = std::move(topic).value();
        }
        Result<void> appended = cached->append(publication);
        if (appended || appended.error().code != ErrorCode::kDeleted || attempt == 3) return appended;
        cached.reset();
    }
}

Result<void> Broker::publish(const sdk::Publication& publication) {
    TopicPtr topic;
    Result<void> appended = append(publication, topic);
    if (appended) topic->commit();
    return appended;
}

Result<std::unique_ptr<sdk::Subscription>> Broker::subscribe(std::string_view topicName,
                                                             std::string_view channelName,
                                                             const sdk::SubscribeOptions& options,
                                                             sdk::Loop& loop,
                                                             sdk::SubscriptionListener& listener) {
    if (exiting_.load(std::memory_order_acquire)) return exiting();
    if (!sdk::isValidTopicName(topicName)) return badTopic(topicName);
    if (!sdk::isValidChannelName(channelName)) return badChannel(channelName);
    // As in append: what is deleted in between is made anew.
    for (int attempt = 0;; ++attempt) {
        Result<TopicPtr> topic = makeTopic(topicName);
        if (!topic) return topic.error();
        Result<ChannelPtr> channel = makeChannel(*topic.value(), channelName);
        Result<void> joined = channel ? Result<void>{} : channel.error();
        if (channel) {
            auto subscription = std::make_unique<ChannelSubscription>(*this, topic.value(), channel.value(),
                                                                      options, loop, listener);
            joined = subscription->join();
            if (joined) return std::unique_ptr<sdk::Subscription>{std::move(subscription)};
        }
        if (joined.error().code != ErrorCode::kDeleted || attempt == 3) return joined.error();
    }
}

void Broker::onUnused(Topic& topic, Channel& channel) {
    if (sdk::isEphemeral(channel.name())) {
        if (topic.channel(channel.name()).get() == &channel && topic.removeChannel(channel.name(), true)) {
            logger_.info("TOPIC({}): deleted ephemeral channel {}", topic.name(), channel.name());
        }
    }
    if (topic.isAbandoned()) {
        const TopicPtr found = findTopic(topic.name());
        if (found.get() == &topic) static_cast<void>(removeTopic(found));
    }
}

// ---- topics and channels

Broker::TopicPtr Broker::findTopic(std::string_view name) const {
    const std::shared_lock lock{mutex_};
    const auto found = topics_.find(name);
    return found == topics_.end() ? nullptr : found->second;
}

bool Broker::hasTopic(std::string_view topic) const {
    return findTopic(topic) != nullptr;
}

Result<Broker::TopicPtr> Broker::existingTopic(std::string_view name) const {
    if (!sdk::isValidTopicName(name)) return badTopic(name);
    TopicPtr topic = findTopic(name);
    if (!topic) return Error{ErrorCode::kTopicNotFound, "no topic " + std::string(name)};
    return topic;
}

Result<Broker::ChannelPtr> Broker::existingChannel(const Topic& topic, std::string_view name) const {
    if (!sdk::isValidChannelName(name)) return badChannel(name);
    ChannelPtr channel = topic.channel(name);
    if (!channel) {
        return Error{ErrorCode::kChannelNotFound,
                     "no channel " + std::string(name) + " of topic " + topic.name()};
    }
    return channel;
}

Result<Broker::TopicPtr> Broker::makeTopic(std::string_view name) {
    if (TopicPtr topic = findTopic(name)) return topic;
    if (!sdk::isValidTopicName(name)) return badTopic(name);
    if (exiting_.load(std::memory_order_acquire)) return exiting();
    TopicPtr topic;
    {
        const std::lock_guard lock{mutex_};
        if (const auto found = topics_.find(name); found != topics_.end()) return found->second;
        // Under the lock: another topic of this name may have come and gone since we looked.
        const Result<std::uint64_t> firstSeq = lease_->begin();
        if (!firstSeq) return firstSeq.error();
        topic = std::make_shared<Topic>(std::string(name), *context_, firstSeq.value());
        topics_.emplace(name, topic);
    }
    logger_.info("TOPIC({}): created", name);
    if (!sdk::isEphemeral(name)) metadataChanged();
    return topic;
}

Result<Broker::ChannelPtr> Broker::makeChannel(Topic& topic, std::string_view name) {
    if (!sdk::isValidChannelName(name)) return badChannel(name);
    bool created = false;
    Result<ChannelPtr> channel = topic.makeChannel(name, created);
    if (created) {
        logger_.info("TOPIC({}): new channel({})", topic.name(), name);
        if (!sdk::isEphemeral(name)) metadataChanged();
    }
    return channel;
}

void Broker::metadataChanged() {
    // While topics are restored the file has what is known, and more.
    if (metadataWriter_) metadataWriter_->changed();
}

Result<void> Broker::persist(const std::string& topicName) {
    return sdk::isEphemeral(topicName) ? Result<void>{} : metadataWriter_->flush();
}

Result<void> Broker::createTopic(std::string_view name) {
    const Result<TopicPtr> topic = makeTopic(name);
    if (!topic) return topic.error();
    return persist(topic.value()->name());
}

Result<void> Broker::createChannel(std::string_view topicName, std::string_view name) {
    const Result<TopicPtr> topic = existingTopic(topicName);
    if (!topic) return topic.error();
    const Result<ChannelPtr> channel = makeChannel(*topic.value(), name);
    if (!channel) return channel.error();
    return persist(topic.value()->name());
}

Result<void> Broker::removeTopic(const TopicPtr& topic) {
    {
        const std::lock_guard lock{mutex_};
        const auto found = topics_.find(topic->name());
        if (found == topics_.end() || found->second != topic) return {};
        lease_->retire(topic->close());
        topics_.erase(found);
    }
    logger_.info("TOPIC({}): deleted", topic->name());
    if (sdk::isEphemeral(topic->name())) return {};
    if (auto persisted = metadataWriter_->flush(); !persisted) return persisted;
    return removeFiles(*topic, nullptr);
}

/// Removes the files of a topic, or of one of its channels.
Result<void> Broker::removeFiles(const Topic& topic, const Channel* channel) {
    const std::filesystem::path directory = storage::topicDirectory(config_.dataPath, topic.name());
    const std::filesystem::path path =
        channel == nullptr ? directory : storage::channelStateFile(directory, channel->name());
    std::error_code failure;
    std::filesystem::remove_all(path, failure);
    if (failure) return storage::storageError(path, "cannot be removed", failure.value());
    return {};
}

Result<void> Broker::deleteTopic(std::string_view name) {
    const Result<TopicPtr> topic = existingTopic(name);
    if (!topic) return topic.error();
    return removeTopic(topic.value());
}

Result<void> Broker::deleteChannel(std::string_view topicName, std::string_view name) {
    const Result<TopicPtr> topic = existingTopic(topicName);
    if (!topic) return topic.error();
    const Result<ChannelPtr> channel = existingChannel(*topic.value(), name);
    if (!channel) return channel.error();
    if (!topic.value()->removeChannel(name, false)) return {};
    logger_.info("TOPIC({}): deleted channel {}", topicName, name);
    if (topic.value()->isAbandoned()) return removeTopic(topic.value());
    if (auto persisted = persist(topic.value()->name()); !persisted) return persisted;
    return removeFiles(*topic.value(), channel.value().get());
}

Result<void> Broker::emptyTopic(std::string_view name) {
    const Result<TopicPtr> topic = existingTopic(name);
    if (!topic) return topic.error();
    topic.value()->empty();
    return {};
}

Result<void> Broker::emptyChannel(std::string_view topicName, std::string_view name) {
    const Result<TopicPtr> topic = existingTopic(topicName);
    if (!topic) return topic.error();
    const Result<ChannelPtr> channel = existingChannel(*topic.value(), name);
    if (!channel) return channel.error();
    topic.value()->emptyChannel(*channel.value());
    return {};
}

Result<void> Broker::pauseTopic(std::string_view name, bool paused) {
    const Result<TopicPtr> topic = existingTopic(name);
    if (!topic) return topic.error();
    topic.value()->setPaused(paused);
    return persist(topic.value()->name());
}

Result<void> Broker::pauseChannel(std::string_view topicName, std::string_view name, bool paused) {
    const Result<TopicPtr> topic = existingTopic(topicName);
    if (!topic) return topic.error();
    const Result<ChannelPtr> channel = existingChannel(*topic.value(), name);
    if (!channel) return channel.error();
    channel.value()->setPaused(paused);
    return persist(topic.value()->name());
}

// ---- what there is

std::vector<Broker::TopicPtr> Broker::topics() const {
    const std::shared_lock lock{mutex_};
    std::vector<TopicPtr> topics;
    topics.reserve(topics_.size());
    for (const auto& [name, topic] : topics_) topics.push_back(topic);
    return topics;
}

std::vector<sdk::TopicStats> Broker::stats(const sdk::StatsFilter& filter) const {
    std::vector<sdk::TopicStats> stats;
    for (const TopicPtr& topic : topics()) {
        if (filter.topic.empty() || filter.topic == topic->name())
            stats.push_back(topic->stats(filter.channel));
    }
    return stats;
}

Result<void> Broker::health() const {
    return metadataWriter_->lastResult();
}

std::vector<storage::TopicMetadata> Broker::metadata() const {
    std::vector<storage::TopicMetadata> metadata;
    for (const TopicPtr& topic : topics()) {
        if (!sdk::isEphemeral(topic->name())) metadata.push_back(topic->metadata());
    }
    return metadata;
}

// ---- start and stop

Result<void> Broker::start() {
    const std::filesystem::path topicsPath = config_.dataPath / "topics";
    std::error_code failure;
    std::filesystem::create_directories(topicsPath, failure);
    if (failure) return storage::storageError(topicsPath, "cannot be created", failure.value());
    auto lease = storage::SequenceLease::open(config_.dataPath / "sequence.lease");
    if (!lease) return lease.error();
    lease_ = std::move(lease).value();
    context_.reset(
        new TopicContext{{scan_, config_.maxMsgTimeout, config_.maxChannelConsumers, config_.nodeId},
                         *lease_,
                         config_.maxTopicBytes,
                         static_cast<std::uint64_t>(config_.memQueueSize)});
    const std::filesystem::path metadataFile = config_.dataPath / "nsqd.dat";
    const auto saved = storage::readMetadata(metadataFile);
    if (!saved) return saved.error();
    // Not until all are restored is the file written: a start that fails half-way leaves it as it is.
    for (const storage::TopicMetadata& topic : saved.value()) {
        if (auto restored = restoreTopic(topic); !restored) return restored;
    }
    metadataWriter_ = std::make_unique<MetadataWriter>(
        metadataFile, [this] { return metadata(); }, logger_);
    return metadataWriter_->flush();
}

Result<void> Broker::restoreTopic(const storage::TopicMetadata& saved) {
    const Result<TopicPtr> topic = makeTopic(saved.name);
    if (!topic) return topic.error();
    topic.value()->setPaused(saved.paused);
    for (const storage::ChannelMetadata& channel : saved.channels) {
        const Result<ChannelPtr> made = makeChannel(*topic.value(), channel.name);
        if (!made) return made.error();
        made.value()->setPaused(channel.paused);
    }
    const auto warnings = topic.value()->restore(storage::topicDirectory(config_.dataPath, saved.name));
    if (!warnings) return warnings.error();
    for (const std::string& warning : warnings.value()) logger_.error("TOPIC({}): {}", saved.name, warning);
    return {};
}

/// Out of memory, for one, must not keep the other topics from being saved.
Result<void> Broker::saveTopic(const Topic& topic) const {
    try {
        return topic.save(storage::topicDirectory(config_.dataPath, topic.name()), config_.maxBytesPerFile);
    } catch (const std::exception& error) {
        return Error{ErrorCode::kStorage, error.what()};
    }
}

Result<void> Broker::stop() {
    refusePublishes();
    scan_.stop();
    Result<void> result;
    std::uint64_t end = 0;
    for (const TopicPtr& topic : topics()) {
        end = std::max(end, topic->nextSeq());
        if (sdk::isEphemeral(topic->name())) continue;
        const auto saved = saveTopic(*topic);
        if (!saved) {
            logger_.error("TOPIC({}): not saved: {}", topic->name(), saved.error().text);
            result = saved;
        }
    }
    static_cast<void>(metadataWriter_->flush());
    if (auto written = metadataWriter_->stop(); !written) result = written;
    if (auto closed = lease_->close(end); !closed) result = closed;
    return result;
}

}  // namespace nsq::broker
