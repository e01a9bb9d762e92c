#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nsq/sdk/loop.h"
#include "nsq/sdk/message.h"
#include "nsq/sdk/result.h"
#include "nsq/sdk/shared_buffer.h"
#include "nsq/sdk/stats.h"

namespace nsq::sdk {

/// Messages for one topic, appended together and in this order.
struct Publication {
    std::string_view topic;              ///< created if it does not exist
    std::span<const Bytes> bodies;       ///< at least one, none empty; copied before the call returns
    std::chrono::milliseconds delay{0};  ///< deliver no earlier than this from now
};

/// What became of an earlier Publisher::publish.
struct PublishOutcome {
    std::uint64_t tag;  ///< the one given to publish
    const Error*
        error;  ///< null when the messages are committed; else they are not stored. Valid in the call.
};

/// Gets a publisher's outcomes. THREAD: the publisher's loop.
class PublishListener {
public:
    /// Outcomes of the oldest publishes not yet answered, in the order of their publish calls.
    virtual void onPublished(std::span<const PublishOutcome> outcomes) = 0;

protected:
    ~PublishListener() = default;
};

/// Publishes for one session. A publish is safe to acknowledge only after its outcome has come; the outcomes
/// of a turn come together at its end, before outputs are sent. Destroying it abandons outcomes, not
/// messages. THREAD: the loop it was opened for.
class Publisher {
public:
    virtual ~Publisher() = default;

    /// Appends the messages. An error means nothing was appended and no outcome will come (kBadTopic,
    /// kExiting, kStorage, kDeleted). `tag` comes back with the outcome.
    virtual Result<void> publish(const Publication& publication, std::uint64_t tag) = 0;

    /// Publishes whose outcomes have not come yet.
    virtual std::size_t pending() const = 0;
};

/// Consecutive message frames to be sent as they are: attempts, id and all.
struct MessageRun {
    BufferRef owner;  ///< keeps `frames` alive
    Bytes frames;     ///< `count` whole message frames; see nextMessage
    std::uint32_t count;
};

struct SubscribeOptions {
    std::chrono::milliseconds msgTimeout;  ///< how long a message may be in flight to this subscription
    int sampleRate = 0;  ///< 1..99: deliver about this percentage, drop the others; 0: deliver all
};

/// Gets a subscription's news. THREAD: the subscription's loop.
class SubscriptionListener {
public:
    /// take() may have something to give, after it had not. Comes at most once until take() is called.
    virtual void onMessagesReady() = 0;

    /// The topic or channel was deleted, or the server stops: no more messages come, and finish, requeue and
    /// touch fail. Usually the session closes its connection.
    virtual void onSubscriptionClosed() = 0;

protected:
    ~SubscriptionListener() = default;
};

/// One consumer of a channel. Destroying it leaves the channel; what is in flight comes back to the channel
/// when its timeout passes. THREAD: the loop it was opened for.
class Subscription {
public:
    virtual ~Subscription() = default;

    /// How many messages may be in flight at once (NSQ's RDY). 0, the value at first, stops delivery.
    /// onMessagesReady follows if there is something to take.
    virtual void setReady(std::int64_t count) = 0;
    virtual std::int64_t ready() const = 0;

    /// Takes waiting messages, which are in flight from now on, and appends them to `runs`: as many as
    /// ready() allows and as go into `maxBytes` (one at least, if maxBytes is not 0). Returns their number.
    /// As long as ready() allows more, onMessagesReady tells when there is more to take, be it at once
    /// because `maxBytes` was the limit. With maxBytes 0 it does not: the client takes nothing now, and the
    /// news goes to another consumer; take again when there is room. After finish and requeue have made room,
    /// take as well.
    virtual std::size_t take(std::size_t maxBytes, std::vector<MessageRun>& runs) = 0;

    /// The messages are done. Returns one error for each that was not in flight here (kNotInFlight,
    /// kNotOwner), with its index in `ids`; the others are finished.
    struct Failure {
        std::size_t index;
        Error error;
    };
    virtual std::vector<Failure> finish(std::span<const MessageId> ids) = 0;

    /// Gives a message back, to be delivered again after `delay` (0: at once). kNotInFlight, kNotOwner.
    virtual Result<void> requeue(MessageId id, std::chrono::milliseconds delay) = 0;

    /// Restarts the message's timeout; it never exceeds max-msg-timeout since delivery. kNotInFlight,
    /// kNotOwner.
    virtual Result<void> touch(MessageId id) = 0;

    virtual std::int64_t inFlight() const = 0;
};

/// Which topics and channels a snapshot is about; empty means all.
struct StatsFilter {
    std::string topic;
    std::string channel;
};

/// Topics, channels and messages. Owned by the host; outlives every plugin.
class Broker {
public:
    /// THREAD: `loop`, where the publisher and its listener live. `listener` must outlive the publisher.
    virtual std::unique_ptr<Publisher> openPublisher(Loop& loop, PublishListener& listener) = 0;

    /// Publishes and waits until the messages are committed. Errors as Publisher::publish, kStorage too.
    /// THREAD: any, but a loop only if publishWaits() is false.
    virtual Result<void> publish(const Publication& publication) = 0;

    /// Whether publish() waits for the disk. It is the same for as long as the server runs. THREAD: any.
    virtual bool publishWaits() const = 0;

    /// Joins a channel as a consumer; creates topic and channel if needed. kBadTopic, kBadChannel,
    /// kTooManyConsumers, kDeleted, kExiting.
    /// THREAD: `loop`, where the subscription and its listener live. `listener` must outlive the
    /// subscription.
    virtual Result<std::unique_ptr<Subscription>> subscribe(std::string_view topic, std::string_view channel,
                                                            const SubscribeOptions& options, Loop& loop,
                                                            SubscriptionListener& listener) = 0;

    /// Administration. Creating what exists is no error. A change is persistent when the call returns.
    /// kBadTopic, kBadChannel, kTopicNotFound, kChannelNotFound, kExiting, kStorage.
    /// THREAD: any but a loop: they may wait for the disk.
    virtual Result<void> createTopic(std::string_view topic) = 0;
    virtual Result<void> deleteTopic(std::string_view topic) = 0;
    virtual Result<void> emptyTopic(std::string_view topic) = 0;
    virtual Result<void> pauseTopic(std::string_view topic, bool paused) = 0;
    virtual Result<void> createChannel(std::string_view topic, std::string_view channel) = 0;
    virtual Result<void> deleteChannel(std::string_view topic, std::string_view channel) = 0;
    virtual Result<void> emptyChannel(std::string_view topic, std::string_view channel) = 0;
    virtual Result<void> pauseChannel(std::string_view topic, std::string_view channel, bool paused) = 0;

    /// THREAD: any.
    virtual bool hasTopic(std::string_view topic) const = 0;

    /// A snapshot, sorted by name; empty when the filter matches nothing. THREAD: any.
    virtual std::vector<TopicStats> stats(const StatsFilter& filter) const = 0;

    /// An error tells why the server is not well: its last write to the disk failed. THREAD: any.
    virtual Result<void> health() const = 0;

    /// Batches of messages found damaged in the files since the start, in all topics. What could not be read
    /// is left out and kept aside; it is no reason to restart anything. THREAD: any.
    virtual std::uint64_t damagedBatches() const = 0;

protected:
    virtual ~Broker() = default;
};

}  // namespace nsq::sdk
