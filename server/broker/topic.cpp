#include "broker/topic.h"

#include <algorithm>
#include <random>

#include "broker/saved_time.h"
#include "nsq/sdk/names.h"
#include "storage/topic_directory.h"

namespace nsq::broker {

namespace {

/// Failures remembered apart from each other (chosen).
constexpr std::size_t kMostFailures = 64;

std::uint32_t newEpoch() {
    return std::random_device{}() % storage::TopicState::kMaxEpoch + 1;
}

sdk::Error deleted(const std::string& name) {
    return {sdk::ErrorCode::kDeleted, "topic " + name + " is being deleted"};
}

storage::LogConfig logConfig(const TopicContext& context, const std::filesystem::path& directory) {
    return {.nodeId = context.channel.nodeId,
            .directory = directory,
            .maxBytesPerFile = static_cast<std::uint64_t>(context.maxBytesPerFile),
            .memoryMessages = context.memQueueSize,
            .writeThrough = context.durability != Durability::kMemory};
}

sdk::LatencyStats summaryOf(const LatencySketch& latencies, const std::vector<double>& quantiles) {
    sdk::LatencyStats summary;
    summary.count = latencies.count();
    for (const double part : quantiles) {
        summary.percentiles.push_back({part, std::chrono::nanoseconds{latencies.quantile(part)}});
    }
    return summary;
}

}  // namespace

Topic::Topic(std::string name, const TopicContext& context, std::uint64_t firstSeq)
    : context_(context),
      ephemeral_(sdk::isEphemeral(name)),
      directory_(ephemeral_ ? std::filesystem::path{} : storage::topicDirectory(context.dataPath, name)),
      shared_(std::make_shared<TopicShared>(name, ephemeral_ ? nullptr : &context.keeper, context.health,
                                            context.logger)),
      log_(firstSeq, logConfig(context, directory_), shared_->store),
      distributed_(log_.end()),
      journal_(storage::stateFile(directory_), context.durability == Durability::kPower),
      epoch_(newEpoch()) {}

sdk::Result<void> Topic::create() {
    shared_->topic = weak_from_this();
    if (!isSaved()) return {};
    std::error_code failure;
    std::filesystem::create_directory(directory_, failure);
    if (failure) return storage::storageError(directory_, "cannot be created", failure.value());
    const std::lock_guard lock{mutex_};
    auto saved = save(Save::kEverything);
    // There is no such topic, and nobody to tell when it could be made.
    if (!saved) context_.health.recovered(name());
    return saved;
}

void Topic::waitForStart() {
    const std::lock_guard lock{mutex_};
    waitsForStart_ = true;
}

bool Topic::waitsForStart() const {
    const std::lock_guard lock{mutex_};
    return waitsForStart_;
}

void Topic::start() {
    const std::lock_guard lock{mutex_};
    waitsForStart_ = false;
    if (closed_) return;
    distribute();
    shared_->mark();
}

// ---- publishing

sdk::Result<std::uint64_t> Topic::append(const sdk::Publication& publication) {
    std::size_t bytes = 0;
    for (const sdk::Bytes body : publication.bodies) bytes += body.size();
    const std::lock_guard lock{mutex_};
    if (closed_) return deleted(name());
    if (auto covered = context_.lease.cover(log_.nextSeq() + publication.bodies.size()); !covered)
        return covered.error();
    if (publication.delay.count() > 0) {
        const Clock::time_point due = Clock::now() + publication.delay;
        for (storage::LogMessage& message :
             log_.appendDeferred(publication.bodies, unixNow(), toUnixNs(due))) {
            newDeferred_.push_back({due, {message.seq, std::move(message.place), 0}});
        }
    } else {
        log_.append(publication.bodies, unixNow());
    }
    newMessages_ += publication.bodies.size();
    newBytes_ += bytes;
    return log_.appended();
}

void Topic::commit() {
    const std::lock_guard lock{mutex_};
    const std::uint64_t before = log_.committed();
    if (closed_ || before == log_.appended()) return;
    if (auto committed = log_.commit(); !committed) {
        noteFailure(before, log_.appended(), committed.error());
        newDeferred_.clear();
        newMessages_ = newBytes_ = 0;
        return;
    }
    messageCount_ += std::exchange(newMessages_, 0);
    messageBytes_ += std::exchange(newBytes_, 0);
    std::ranges::move(newDeferred_, std::back_inserter(undistributed_));
    newDeferred_.clear();
    letMemoryGo();
    distribute();
    shared_->mark();
}

void Topic::noteFailure(std::uint64_t from, std::uint64_t to, const sdk::Error& error) {
    if (!failing_) context_.logger.error("TOPIC({}): {}", name(), error.text);
    failing_ = true;
    context_.health.failed(name(), error);
    // One after the other they are one range: many commits can fail before the first publisher is told.
    if (!failures_.empty() && from >= failures_.back().from && from <= failures_.back().to) {
        failures_.back().to = std::max(failures_.back().to, to);
        failures_.back().error = error;
        shared_->mark();
        return;
    }
    if (failures_.size() == kMostFailures) {
        // Never forget one that somebody has still to be told of: rather refuse what was between the two.
        failures_[1].from = failures_[0].from;
        failures_.erase(failures_.begin());
    }
    failures_.push_back({from, to, error});
    mayHaveFailed_.store(true, std::memory_order_release);
    shared_->mark();
}

sdk::Result<void> Topic::outcome(std::uint64_t append) const {
    const std::lock_guard lock{mutex_};
    for (const Failure& failure : failures_) {
        if (append > failure.from && append <= failure.to) return failure.error;
    }
    return {};
}

void Topic::distribute() {
    if (!paused_ && !waitsForStart_ && !channels_.empty()) handOver();
    limitEphemeral();
}

/// The channels get what they do not have yet.
void Topic::handOver() {
    const storage::LogCursor end = log_.end();
    const std::uint64_t total = end.index - distributed_.index + undistributed_.size();
    distributed_ = end;
    shared_->distributed.store(end.index, std::memory_order_seq_cst);
    if (total == 0) return;
    for (const auto& [name, channel] : channels_) channel->onDistributed(total, undistributed_);
    if (!undistributed_.empty()) {
        undistributed_.clear();
        saveAllUndistributed_ = true;
    }
}

/// Nothing ephemeral goes to the disk: beyond mem-queue-size the oldest messages are dropped.
void Topic::limitEphemeral() {
    if (ephemeral_ && waitingHere() > context_.memQueueSize) {
        storage::LogCursor to = distributed_;
        if (storage::skip(log_.store(), to, waitingHere() - context_.memQueueSize)) passOver(to);
    }
    for (const auto& [name, channel] : channels_) {
        if (ephemeral_ || sdk::isEphemeral(name)) channel->dropBeyond(context_.memQueueSize);
    }
}

// ---- channels

std::shared_ptr<Channel> Topic::channel(std::string_view name) const {
    const std::lock_guard lock{mutex_};
    const auto found = channels_.find(name);
    return found == channels_.end() ? nullptr : found->second;
}

KnownTopic Topic::known() const {
    const std::lock_guard lock{mutex_};
    KnownTopic known{weak_from_this(), {}};
    known.channels.reserve(channels_.size());
    for (const auto& [name, channel] : channels_) known.channels.push_back({name, channel});
    return known;
}

sdk::Result<std::shared_ptr<Channel>> Topic::makeChannel(std::string_view channelName, bool& created) {
    const std::lock_guard lock{mutex_};
    created = false;
    if (closed_) return deleted(name());
    if (const auto found = channels_.find(channelName); found != channels_.end()) return found->second;
    auto channel =
        std::make_shared<Channel>(std::string(channelName), context_.channel, shared_, distributed_);
    channels_.emplace(channelName, channel);
    if (!sdk::isEphemeral(channelName)) {
        // Before it gets anything: who was told of it will have it after a crash.
        if (auto saved = saveNow(); !saved) {
            channels_.erase(channels_.find(channelName));
            return saved.error();
        }
    }
    created = true;
    hadChannel_ = true;
    distribute();
    return channel;
}

std::shared_ptr<Channel> Topic::removeChannel(std::string_view name, bool onlyIfUnused,
                                              sdk::Result<void>& saved) {
    const std::lock_guard lock{mutex_};
    const auto found = channels_.find(name);
    if (found == channels_.end()) return nullptr;
    std::shared_ptr<Channel> channel = found->second;
    if (!channel->close(onlyIfUnused)) return nullptr;
    channels_.erase(found);
    emptied_ = true;
    if (!sdk::isEphemeral(name)) {
        epoch_ = newEpoch();
        saved = save(Save::kEverything);
    }
    shared_->mark();
    return channel;
}

sdk::Result<void> Topic::empty() {
    const std::lock_guard lock{mutex_};
    const storage::LogCursor end = log_.end();
    if (end.index != distributed_.index) passOver(end);
    undistributed_.clear();
    saveAllUndistributed_ = true;
    emptied_ = true;
    return saveNow();
}

/// The messages up to `to` are distributed, but no channel gets them, or only one.
void Topic::passOver(const storage::LogCursor& to, const Channel* butFor) {
    for (const auto& [name, channel] : channels_) {
        if (channel.get() != butFor) channel->skipUndistributed(distributed_, to);
    }
    distributed_ = to;
    shared_->distributed.store(to.index, std::memory_order_seq_cst);
    // Who looked in between saw too little, and waits.
    for (const auto& [name, channel] : channels_) channel->onDistributed(0, {});
}

sdk::Result<void> Topic::emptyChannel(Channel& channel) {
    const std::lock_guard lock{mutex_};
    channel.empty(distributed_);
    emptied_ = true;
    return saveNow();
}

sdk::Result<void> Topic::setPaused(bool paused) {
    const std::lock_guard lock{mutex_};
    paused_ = paused;
    distribute();
    return saveNow();
}

sdk::Result<void> Topic::setChannelPaused(Channel& channel, bool paused) {
    const std::lock_guard lock{mutex_};
    channel.setPaused(paused);
    return saveNow();
}

sdk::Result<std::filesystem::path> Topic::close() {
    const std::lock_guard lock{mutex_};
    closed_ = true;
    for (const auto& [name, channel] : channels_) channel->close(false);
    channels_.clear();
    // A publisher that used it last may keep it for long: not its messages, though.
    log_.abandon();
    newDeferred_.clear();
    undistributed_.clear();
    moves_.clear();
    context_.health.recovered(name());
    return putFilesAside();
}

bool Topic::isAbandoned() const {
    const std::lock_guard lock{mutex_};
    return ephemeral_ && hadChannel_ && channels_.empty();
}

std::uint64_t Topic::nextSeq() const {
    const std::lock_guard lock{mutex_};
    return log_.nextSeq();
}

sdk::TopicStats Topic::stats(const std::string& channelFilter) const {
    const std::lock_guard lock{mutex_};
    sdk::TopicStats stats;
    stats.name = name();
    stats.depth = static_cast<std::int64_t>(waitingHere() + undistributed_.size());
    if (const storage::ExtentPtr memory = shared_->store->memory(); isSaved()) {
        const std::uint64_t inMemoryFrom = memory ? memory->firstIndex : log_.end().index;
        const std::uint64_t behind = inMemoryFrom - std::min(inMemoryFrom, distributed_.index);
        stats.backendDepth = static_cast<std::int64_t>(std::min(waitingHere(), behind));
    }
    stats.messageCount = messageCount_;
    stats.messageBytes = messageBytes_;
    stats.memoryBytes = shared_->store->account()->load(std::memory_order_relaxed);
    stats.damagedBatches = damagedBatches();
    stats.paused = paused_;
    for (const auto& [name, channel] : channels_) {
        if (channelFilter.empty() || channelFilter == name) stats.channels.push_back(channel->stats());
    }
    if (!context_.latencyQuantiles.empty()) addLatencies(stats);
    return stats;
}

/// The topic's are those of all its channels, also of those that are not asked for.
void Topic::addLatencies(sdk::TopicStats& stats) const {
    if (channels_.empty()) return;
    LatencySketch all;
    auto shown = stats.channels.begin();  // in the same order, maybe without some
    for (const auto& [name, channel] : channels_) {
        LatencySketch own;
        channel->addLatencies(own);
        all.merge(own);
        if (shown == stats.channels.end() || shown->name != name) continue;
        shown->latency = summaryOf(own, context_.latencyQuantiles);
        ++shown;
    }
    stats.latency = summaryOf(all, context_.latencyQuantiles);
}

storage::TopicMetadata Topic::metadata() const {
    const std::lock_guard lock{mutex_};
    storage::TopicMetadata metadata{name(), paused_, {}, epoch_};
    for (const auto& [name, channel] : channels_) {
        if (!sdk::isEphemeral(name)) metadata.channels.push_back({name, channel->paused()});
    }
    return metadata;
}

}  // namespace nsq::broker
