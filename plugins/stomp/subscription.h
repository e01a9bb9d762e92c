#pragma once

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <memory>

#include "frame.h"
#include "nsq/sdk/broker.h"
#include "nsq/sdk/connection.h"

namespace nsq::stomp {

inline sdk::Error invalid(std::string text) {
    return {sdk::ErrorCode::kInvalid, std::move(text)};
}

enum class AckMode { kAuto, kClient, kIndividual };

/// What a client asked for with SUBSCRIBE.
struct SubscribeRequest {
    Version version;
    std::string id;
    std::uint64_t number;  ///< tells the connection's subscriptions apart, in message ids
    std::string topic;
    std::string channel;
    AckMode ackMode;
    std::int64_t prefetch;  ///< RDY
    std::chrono::milliseconds msgTimeout;
};

/// An ACK or a NACK.
struct Answer {
    std::uint64_t subscription;  ///< its number
    sdk::MessageId id;
    std::uint64_t attempts;  ///< which delivery of the message it is for
    bool finishes;
    std::chrono::milliseconds delay{0};  ///< of a NACK
};

/// Delivers messages as MESSAGE frames, and remembers those in flight in their order. What is in flight in
/// the end is requeued. THREAD: the connection's loop.
class Subscription final : private sdk::SubscriptionListener, private sdk::LoopTask {
public:
    /// `onGone` is called when the channel is; it must not destroy the subscription. `counts` outlives it.
    Subscription(const SubscribeRequest& request, sdk::Connection& connection, sdk::ClientStats& counts,
                 std::function<void()> onGone)
        : request(request), connection_(connection), counts_(counts), onGone_(std::move(onGone)) {}
    ~Subscription() {
        stop();
        for (const auto& each : inFlight_) counts_.requeueCount += subscription_->requeue(each.id, {}).ok();
    }

    /// Begins to deliver.
    sdk::Result<void> join(sdk::Broker& broker) {
        auto joined =
            broker.subscribe(request.topic, request.channel, {request.msgTimeout}, connection_.loop(), *this);
        if (!joined) return joined.error();
        subscription_ = std::move(joined).value();
        subscription_->setReady(request.prefetch);
        return {};
    }

    /// Delivers no more.
    void stop() {
        stopped_ = true;
        connection_.loop().cancel(*this);
    }

    /// There may be something to deliver.
    void schedule() {
        if (!stopped_) connection_.loop().afterTurnEnd(*this);
    }

    /// In mode client of all deliveries before as well. False: this one is not in flight.
    bool answer(const Answer& answer) {
        bool wasInFlight = false;
        for (const Delivery& each : upTo(answer)) {
            wasInFlight = answer.finishes ? subscription_->finish({&each.id, 1}).empty()
                                          : subscription_->requeue(each.id, answer.delay).ok();
            (answer.finishes ? counts_.finishCount : counts_.requeueCount) += wasInFlight;
        }
        schedule();
        return wasInFlight;
    }

    std::int64_t inFlight() const { return subscription_->inFlight(); }

    const SubscribeRequest request;

private:
    /// The least message of the broker, and the most that a frame has beside head_ and the message.
    static constexpr std::size_t kMinMessage = sdk::frame::kBodyOffset + 1;
    static constexpr std::size_t kMaxOwnHeaders = 200;

    void onMessagesReady() override { schedule(); }
    void onSubscriptionClosed() override { onGone_(); }

    void run() override {
        // What has timed out is no longer ours; else those that a client never answers would add up.
        const sdk::Clock::time_point now = connection_.loop().now();
        while (!inFlight_.empty() && inFlight_.front().timesOut <= now) inFlight_.pop_front();
        // Frames of STOMP are larger than the broker's, which it counts. Without room it turns to others.
        const std::size_t growth = 1 + (head_.size() + kMaxOwnHeaders) / kMinMessage;
        std::vector<sdk::MessageRun> runs;
        if (subscription_->take((connection_.outputRoom() + growth - 1) / growth, runs) == 0) return;
        std::vector<sdk::MessageId> ids;
        for (const sdk::MessageRun& run : runs) {
            for (sdk::Bytes frames = run.frames; !frames.empty();) {
                const sdk::MessageView message = sdk::nextMessage(frames);
                deliver(run.owner, message);
                ids.push_back(message.id);
                inFlight_.push_back({message.id, message.attempts, now + request.msgTimeout});
            }
        }
        counts_.messageCount += ids.size();
        if (request.ackMode != AckMode::kAuto) return;
        inFlight_.clear();
        counts_.finishCount += ids.size() - subscription_->finish(ids).size();
        schedule();
    }

    void deliver(const sdk::BufferRef& owner, const sdk::MessageView& message) {
        const std::string id =
            fmt::format("{}-{:016x}-{}", request.number, message.id.value, message.attempts);
        const bool hasAck = request.version == Version::k12 && request.ackMode != AckMode::kAuto;
        const std::string head = fmt::format("{}{}{}\ntimestamp:{}\nattempts:{}\ncontent-length:{}\n\n",
                                             head_, id, hasAck ? "\nack:" + id : "", message.timestampNs,
                                             message.attempts, message.body.size());
        sdk::Output& output = connection_.output();
        output.write(sdk::asBytes(head));
        output.share(owner, message.body);
        output.write(sdk::asBytes({"\0", 1}));
    }

    /// One message may have been delivered more than once, with others in between.
    struct Delivery {
        sdk::MessageId id;
        std::uint64_t attempts;
        sdk::Clock::time_point timesOut;
    };

    /// Those that an answer is about, its own last. They are no longer in inFlight_.
    std::vector<Delivery> upTo(const Answer& answer) {
        const auto found = std::ranges::find_if(inFlight_, [&](const Delivery& each) {
            return each.id == answer.id && each.attempts == answer.attempts;
        });
        if (found == inFlight_.end()) return {};
        const auto first = request.ackMode == AckMode::kClient ? inFlight_.begin() : found;
        const std::vector<Delivery> deliveries{first, found + 1};
        inFlight_.erase(first, found + 1);
        return deliveries;
    }

    /// How each MESSAGE begins.
    const std::string head_ = "MESSAGE\nsubscription:" + escaped(request.id, request.version) +
                              "\ndestination:/topic/" + request.topic + "\nmessage-id:";
    sdk::Connection& connection_;
    sdk::ClientStats& counts_;
    const std::function<void()> onGone_;
    std::deque<Delivery> inFlight_;  ///< in their order; none in mode auto
    bool stopped_ = false;
    std::unique_ptr<sdk::Subscription> subscription_;  ///< there from join() on
};

}  // namespace nsq::stomp
