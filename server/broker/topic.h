#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "broker/channel.h"
#include "nsq/sdk/broker.h"
#include "storage/metadata.h"
#include "storage/sequence_lease.h"
#include "storage/topic_log.h"

namespace nsq::broker {

/// What all topics of a broker share.
struct TopicContext {
    ChannelContext channel;
    storage::SequenceLease& lease;
    std::int64_t maxBytes;       ///< memory one topic's messages may take
    std::uint64_t memQueueSize;  ///< messages that an ephemeral topic or channel keeps
};

/// A topic: its log, its channels, and how far the log is distributed to them.
/// THREAD: any; one mutex, taken for short steps. Lock order: topic, channel.
class Topic {
public:
    Topic(std::string name, const TopicContext& context, std::uint64_t firstSeq);

    const std::string& name() const { return name_; }

    /// Appends messages; they are delivered after the next commit. kTopicFull, kDeleted, kStorage.
    sdk::Result<void> append(const sdk::Publication& publication);

    /// Makes what was appended available to the channels.
    void commit();

    /// The channel of that name, or null.
    std::shared_ptr<Channel> channel(std::string_view name) const;

    /// The channel of that name, made if there is none: `created` says so. kDeleted.
    sdk::Result<std::shared_ptr<Channel>> makeChannel(std::string_view name, bool& created);

    /// Takes the channel out and closes it. Null when there is none. With `onlyIfUnused` it stays when it has
    /// consumers.
    std::shared_ptr<Channel> removeChannel(std::string_view name, bool onlyIfUnused);

    /// Drops what its channels do not have yet.
    void empty();
    void emptyChannel(Channel& channel);

    void setPaused(bool paused);

    /// Closes it and all its channels. Returns the end of its sequence numbers.
    std::uint64_t close();

    /// True for an ephemeral topic whose last channel has gone.
    bool isAbandoned() const;

    sdk::TopicStats stats(const std::string& channelFilter) const;
    storage::TopicMetadata metadata() const;

    /// Writes everything into `directory`, or reads it back; see topic_files.cpp. `maxBytesPerFile` as the
    /// option.
    sdk::Result<void> save(const std::filesystem::path& directory, std::int64_t maxBytesPerFile) const;
    sdk::Result<std::vector<std::string>> restore(const std::filesystem::path& directory);

    std::uint64_t nextSeq() const;

private:
    using Pending = std::vector<DeferredMessage>;

    void distribute();
    void limitEphemeral();
    void dropUndistributed(const storage::LogCursor& to);
    std::uint64_t waitingHere() const { return log_.end().index - distributed_.index; }

    const std::string name_;
    const TopicContext& context_;
    const bool ephemeral_;

    mutable std::mutex mutex_;
    storage::TopicLog log_;
    storage::LogCursor distributed_;  ///< channels may take what is before it
    /// distributed_.index, for channels to read without the topic's lock.
    const std::shared_ptr<std::atomic<std::uint64_t>> distributedIndex_;
    std::vector<DeferredMessage> newDeferred_;    ///< appended, not committed
    std::vector<DeferredMessage> undistributed_;  ///< deferred messages committed and not distributed
    std::map<std::string, std::shared_ptr<Channel>, std::less<>> channels_;
    bool hadChannel_ = false;
    bool paused_ = false;
    bool closed_ = false;
    std::uint64_t messageCount_ = 0;
    std::uint64_t messageBytes_ = 0;
};

}  // namespace nsq::broker
