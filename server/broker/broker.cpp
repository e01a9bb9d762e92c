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
    keeper_.stop();
    syncer_.stop(false);
    metadataWriter_.reset();
}

// ---- publishing and subscribing

std::unique_ptr<sdk::Publisher> Broker::openPublisher(sdk::Loop& loop, sdk::PublishListener& listener) {
    const std::lock_guard lock{turnsMutex_};
    std::unique_ptr<TurnCommit>& turn = turns_[&loop];
    if (!turn) {
        turn =
            std::make_unique<TurnCommit>(loop, config_.durability == Durability::kPower ? &syncer_ : nullptr);
    }
    return std::make_unique<TurnPublisher>(*this, *turn, loop, listener);
}

Result<std::uint64_t> Broker::append(const sdk::Publication& publication, TopicPtr& cached) {
    if (exiting_.load(std::memory_order_acquire)) return exiting();
    // A topic may be deleted under our hands; publishing makes it anew, as it would have a moment later.
    for (int attempt = 0;; ++attempt) {
        if (!cached || cached->name() != publication.topic) {
            Result<TopicPtr> topic = makeTopic(publication.topic);
            if (!topic) return topic.error();
            cached = std::move(topic).value();
        }
        Result<std::uint64_t> appended = cached->append(publication);
        if (appended || appended.error().code != ErrorCode::kDeleted || attempt == 3) return appended;
        cached.reset();
    }
}

Result<void> Broker::publish(const sdk::Publication& publication) {
    TopicPtr topic;
    const Result<std::uint64_t> appended = append(publication, topic);
    if (!appended) return appended.error();
    topic->commit();
    if (config_.durability == Durability::kPower) syncer_.syncNow({topic});
    return topic->outcome(appended.value());
}

/// Waits until what was changed of `topic` is as safe as a publish would be.
Result<void> Broker::synced(const TopicPtr& topic) {
    if (config_.durability != Durability::kPower || sdk::isEphemeral(topic->name())) return {};
    syncer_.syncNow({topic});
    return topic->syncedState();
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
        Result<void> saved;
        if (topic.channel(channel.name()).get() == &channel &&
            topic.removeChannel(channel.name(), true, saved)) {
            logger_.info("TOPIC({}): deleted ephemeral channel {}", topic.name(), channel.name());
            tellOf(topic);
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
        if (auto created = topic->create(); !created) return created.error();
        logger_.info("TOPIC({}): created", name);
        if (listener_ != nullptr && listener_->onNewTopic(topic->name(), topic)) topic->waitForStart();
        topics_.emplace(name, topic);
    }
    tellOf(*topic);
    if (!sdk::isEphemeral(name)) metadataChanged();
    return topic;
}

Result<Broker::ChannelPtr> Broker::makeChannel(Topic& topic, std::string_view name) {
    if (!sdk::isValidChannelName(name)) return badChannel(name);
    bool created = false;
    Result<ChannelPtr> channel = topic.makeChannel(name, created);
    if (created) {
        logger_.info("TOPIC({}): new channel({})", topic.name(), name);
        tellOf(topic);
        if (!sdk::isEphemeral(name)) metadataChanged();
    }
    return channel;
}

void Broker::startTopic(std::string_view name, const Identity& identity,
                        std::span<const std::string> channels) {
    const TopicPtr topic = findTopic(name);
    if (!topic || !isSame(topic, identity) || !topic->waitsForStart()) return;
    for (const std::string& channelName : channels) {
        if (exiting_.load(std::memory_order_acquire)) return;
        const Result<ChannelPtr> channel = makeChannel(*topic, channelName);
        if (channel) continue;
        if (channel.error().code == ErrorCode::kDeleted) return;
        logger_.error("TOPIC({}): channel {} was not made: {}", name, channelName, channel.error().text);
    }
    topic->start();
}

void Broker::tellOf(const Topic& topic) const {
    if (listener_ != nullptr) listener_->onChanged(topic.name());
}

void Broker::metadataChanged() {
    // While topics are restored the file has what is known, and more.
    if (metadataWriter_) metadataWriter_->changed();
}

Result<void> Broker::createTopic(std::string_view name) {
    const Result<TopicPtr> topic = makeTopic(name);
    return topic ? synced(topic.value()) : topic.error();
}

Result<void> Broker::createChannel(std::string_view topicName, std::string_view name) {
    const Result<TopicPtr> topic = existingTopic(topicName);
    if (!topic) return topic.error();
    const Result<ChannelPtr> channel = makeChannel(*topic.value(), name);
    return channel ? synced(topic.value()) : channel.error();
}

Result<void> Broker::removeTopic(const TopicPtr& topic) {
    std::filesystem::path aside;
    {
        const std::lock_guard lock{mutex_};
        const auto found = topics_.find(topic->name());
        if (found == topics_.end() || found->second != topic) return {};
        const auto closed = topic->close();
        lease_->retire(topic->nextSeq());
        topics_.erase(found);
        tellOf(*topic);
        if (!closed) return closed.error();
        aside = closed.value();
    }
    logger_.info("TOPIC({}): deleted", topic->name());
    if (aside.empty()) return {};
    metadataChanged();
    std::error_code failure;
    std::filesystem::remove_all(aside, failure);
    if (failure) return storage::storageError(aside, "cannot be removed", failure.value());
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
    Result<void> saved;
    if (!topic.value()->removeChannel(name, false, saved)) return {};
    logger_.info("TOPIC({}): deleted channel {}", topicName, name);
    tellOf(*topic.value());
    if (topic.value()->isAbandoned()) return removeTopic(topic.value());
    metadataChanged();
    return saved ? synced(topic.value()) : saved;
}

Result<void> Broker::emptyTopic(std::string_view name) {
    const Result<TopicPtr> topic = existingTopic(name);
    if (!topic) return topic.error();
    const Result<void> emptied = topic.value()->empty();
    return emptied ? synced(topic.value()) : emptied;
}

Result<void> Broker::emptyChannel(std::string_view topicName, std::string_view name) {
    const Result<TopicPtr> topic = existingTopic(topicName);
    if (!topic) return topic.error();
    const Result<ChannelPtr> channel = existingChannel(*topic.value(), name);
    if (!channel) return channel.error();
    const Result<void> emptied = topic.value()->emptyChannel(*channel.value());
    return emptied ? synced(topic.value()) : emptied;
}

Result<void> Broker::pauseTopic(std::string_view name, bool paused) {
    const Result<TopicPtr> topic = existingTopic(name);
    if (!topic) return topic.error();
    const Result<void> done = topic.value()->setPaused(paused);
    metadataChanged();
    return done ? synced(topic.value()) : done;
}

Result<void> Broker::pauseChannel(std::string_view topicName, std::string_view name, bool paused) {
    const Result<TopicPtr> topic = existingTopic(topicName);
    if (!topic) return topic.error();
    const Result<ChannelPtr> channel = existingChannel(*topic.value(), name);
    if (!channel) return channel.error();
    const Result<void> done = topic.value()->setChannelPaused(*channel.value(), paused);
    metadataChanged();
    return done ? synced(topic.value()) : done;
}

// ---- what there is

std::vector<Broker::TopicPtr> Broker::topics() const {
    const std::shared_lock lock{mutex_};
    std::vector<TopicPtr> topics;
    topics.reserve(topics_.size());
    for (const auto& [name, topic] : topics_) topics.push_back(topic);
    return topics;
}

std::vector<std::string> Broker::topicNames() const {
    const std::shared_lock lock{mutex_};
    std::vector<std::string> names;
    names.reserve(topics_.size());
    for (const auto& [name, topic] : topics_) names.push_back(name);
    return names;
}

std::optional<KnownTopic> Broker::known(std::string_view topic) const {
    const TopicPtr found = findTopic(topic);
    if (!found) return std::nullopt;
    return found->known();
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
    if (auto topics = health_.state(); !topics) return topics;
    return metadataWriter_->lastResult();
}

std::uint64_t Broker::damagedBatches() const {
    std::uint64_t sum = 0;
    for (const TopicPtr& topic : topics()) sum += topic->damagedBatches();
    return sum;
}

std::vector<storage::TopicMetadata> Broker::metadata() const {
    std::vector<storage::TopicMetadata> metadata;
    for (const TopicPtr& topic : topics()) {
        if (!sdk::isEphemeral(topic->name())) metadata.push_back(topic->metadata());
    }
    return metadata;
}

}  // namespace nsq::broker
