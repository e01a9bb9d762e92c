#include "broker/topic.h"

#include <algorithm>

#include "nsq/sdk/names.h"

namespace nsq::broker {

namespace {

std::int64_t unixNow() {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
}

sdk::Error deleted(const std::string& name) {
    return {sdk::ErrorCode::kDeleted, "topic " + name + " is being deleted"};
}

}  // namespace

Topic::Topic(std::string name, const TopicContext& context, std::uint64_t firstSeq)
    : name_(std::move(name)),
      context_(context),
      ephemeral_(sdk::isEphemeral(name_)),
      log_(firstSeq, context.channel.nodeId, std::make_shared<std::atomic<std::int64_t>>(0)),
      distributed_(log_.end()),
      distributedIndex_(std::make_shared<std::atomic<std::uint64_t>>(0)) {}

sdk::Result<void> Topic::append(const sdk::Publication& publication) {
    std::size_t bytes = 0;
    for (const sdk::Bytes body : publication.bodies) bytes += body.size();
    const std::lock_guard lock{mutex_};
    if (closed_) return deleted(name_);
    // The block that is being filled does not count, or a topic without messages could be full of it.
    const std::int64_t used = log_.memoryBytes() - log_.tailBytes();
    if (used + static_cast<std::int64_t>(bytes) > context_.maxBytes) {
        return sdk::Error{sdk::ErrorCode::kTopicFull, "topic " + name_ + " is full: it may hold " +
                                                          std::to_string(context_.maxBytes) + " bytes"};
    }
    if (auto covered = context_.lease.cover(log_.nextSeq() + publication.bodies.size()); !covered)
        return covered;
    if (publication.delay.count() > 0) {
        const Clock::time_point due = Clock::now() + publication.delay;
        for (storage::LogMessage& message : log_.store(publication.bodies, unixNow())) {
            newDeferred_.push_back({due, {message.seq, std::move(message.at), 0}});
        }
    } else {
        log_.append(publication.bodies, unixNow());
    }
    messageCount_ += publication.bodies.size();
    messageBytes_ += bytes;
    return {};
}

void Topic::commit() {
    const std::lock_guard lock{mutex_};
    if (!log_.commit() && newDeferred_.empty()) return;
    std::ranges::move(newDeferred_, std::back_inserter(undistributed_));
    newDeferred_.clear();
    distribute();
}

void Topic::distribute() {
    if (!paused_ && !channels_.empty()) {
        const storage::LogCursor end = log_.end();
        const std::uint64_t total = end.index - distributed_.index + undistributed_.size();
        distributed_ = end;
        distributedIndex_->store(end.index, std::memory_order_seq_cst);
        if (total == 0) return;
        for (const auto& [name, channel] : channels_) channel->onDistributed(total, undistributed_);
        undistributed_.clear();
    }
    limitEphemeral();
}

/// Nothing ephemeral goes to the disk: beyond mem-queue-size the oldest messages are dropped.
void Topic::limitEphemeral() {
    if (ephemeral_ && waitingHere() > context_.memQueueSize) {
        storage::LogCursor to = distributed_;
        storage::skip(to, waitingHere() - context_.memQueueSize);
        dropUndistributed(to);
    }
    for (const auto& [name, channel] : channels_) {
        if (ephemeral_ || sdk::isEphemeral(name)) channel->dropBeyond(context_.memQueueSize);
    }
}

std::shared_ptr<Channel> Topic::channel(std::string_view name) const {
    const std::lock_guard lock{mutex_};
    const auto found = channels_.find(name);
    return found == channels_.end() ? nullptr : found->second;
}

sdk::Result<std::shared_ptr<Channel>> Topic::makeChannel(std::string_view name, bool& created) {
    const std::lock_guard lock{mutex_};
    created = false;
    if (closed_) return deleted(name_);
    if (const auto found = channels_.find(name); found != channels_.end()) return found->second;
    auto channel = std::make_shared<Channel>(name_, std::string(name), context_.channel, distributedIndex_,
                                             distributed_, log_.account());
    channels_.emplace(name, channel);
    created = true;
    hadChannel_ = true;
    distribute();
    return channel;
}

std::shared_ptr<Channel> Topic::removeChannel(std::string_view name, bool onlyIfUnused) {
    const std::lock_guard lock{mutex_};
    const auto found = channels_.find(name);
    if (found == channels_.end()) return nullptr;
    std::shared_ptr<Channel> channel = found->second;
    if (!channel->close(onlyIfUnused)) return nullptr;
    channels_.erase(found);
    return channel;
}

void Topic::empty() {
    const std::lock_guard lock{mutex_};
    const storage::LogCursor end = log_.end();
    if (end.index != distributed_.index) dropUndistributed(end);
    undistributed_.clear();
}

/// Drops messages up to `to`.
void Topic::dropUndistributed(const storage::LogCursor& to) {
    for (const auto& [name, channel] : channels_) channel->skipUndistributed(distributed_, to);
    distributed_ = to;
    distributedIndex_->store(to.index, std::memory_order_seq_cst);
    // Who looked in between saw too little, and waits.
    for (const auto& [name, channel] : channels_) channel->onDistributed(0, {});
}

void Topic::emptyChannel(Channel& channel) {
    const std::lock_guard lock{mutex_};
    channel.empty(distributed_);
}

void Topic::setPaused(bool paused) {
    const std::lock_guard lock{mutex_};
    paused_ = paused;
    distribute();
}

std::uint64_t Topic::close() {
    const std::lock_guard lock{mutex_};
    closed_ = true;
    for (const auto& [name, channel] : channels_) channel->close(false);
    channels_.clear();
    // A publisher that used it last may keep it for long: not its messages, though.
    log_.commit();
    distributed_ = log_.end();
    newDeferred_.clear();
    undistributed_.clear();
    return log_.nextSeq();
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
    stats.name = name_;
    stats.depth = static_cast<std::int64_t>(waitingHere() + undistributed_.size());
    stats.messageCount = messageCount_;
    stats.messageBytes = messageBytes_;
    stats.memoryBytes = log_.memoryBytes();
    stats.paused = paused_;
    for (const auto& [name, channel] : channels_) {
        if (channelFilter.empty() || channelFilter == name) stats.channels.push_back(channel->stats());
    }
    return stats;
}

storage::TopicMetadata Topic::metadata() const {
    const std::lock_guard lock{mutex_};
    storage::TopicMetadata metadata{name_, paused_, {}};
    for (const auto& [name, channel] : channels_) {
        if (!sdk::isEphemeral(name)) metadata.channels.push_back({name, channel->paused()});
    }
    return metadata;
}

}  // namespace nsq::broker
