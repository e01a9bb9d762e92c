#include "nsq/sdk/testing/fake_stream.h"

#include <utility>
#include <vector>

namespace nsq::sdk::testing {

class FakeStream::Consumer final : public BlockingSubscription, private SubscriptionListener {
public:
    explicit Consumer(FakeStream& stream) : stream_(stream) { stream.subscribed_ = true; }
    ~Consumer() override { stream_.subscribed_ = false; }

    Result<void> open(std::string_view topic, std::string_view channel, const SubscribeOptions& options) {
        auto subscribed = stream_.broker_.subscribe(topic, channel, options, stream_.loop_, *this);
        if (!subscribed) return subscribed.error();
        subscription_ = std::move(subscribed).value();
        subscription_->setReady(1);
        return {};
    }

    void setReady(std::int64_t count) override { subscription_->setReady(count); }
    Result<void> finish(MessageId id) override {
        const auto failures = subscription_->finish({&id, 1});
        if (!failures.empty()) return failures.front().error;
        return {};
    }
    Result<void> requeue(MessageId id, std::chrono::milliseconds delay) override {
        return subscription_->requeue(id, delay);
    }
    Result<void> touch(MessageId id) override { return subscription_->touch(id); }

private:
    void onMessagesReady() override {}
    void onSubscriptionClosed() override {}

    StreamStatus next(MessageView& message, std::chrono::milliseconds timeout, bool orInput) override {
        if (orInput && stream_.hasInput()) return StreamStatus::kInput;
        if (stream_.closed()) return StreamStatus::kEnd;
        runs_.clear();
        if (subscription_->take(1, runs_) > 0) {
            message = nextMessage(runs_.front().frames);
            return StreamStatus::kOk;
        }
        const StreamStatus waited = stream_.waitInVain(timeout != kNoTimeout);
        return orInput && waited == StreamStatus::kEnd ? StreamStatus::kInput : waited;
    }

    FakeStream& stream_;
    std::unique_ptr<Subscription> subscription_;
    std::vector<MessageRun> runs_;
};

Result<std::unique_ptr<BlockingSubscription>> FakeStream::subscribe(std::string_view topic,
                                                                    std::string_view channel,
                                                                    const SubscribeOptions& options) {
    if (closed_) return Error{ErrorCode::kExiting, "the connection is gone"};
    if (subscribed_) return Error{ErrorCode::kInvalid, "there is a subscription already"};
    auto consumer = std::make_unique<Consumer>(*this);
    if (auto opened = consumer->open(topic, channel, options); !opened) return opened.error();
    return std::unique_ptr<BlockingSubscription>{std::move(consumer)};
}

void FakeStream::close(std::string_view) {
    closed_ = true;
    input_.clear();
    dropUnread();
}

StreamStatus FakeStream::receive(std::string& bytes, Deadline deadline) {
    if (input_.empty()) return waitInVain(deadline != Deadline::max());
    bytes += std::exchange(input_, {});
    return StreamStatus::kOk;
}

StreamStatus FakeStream::waitInVain(bool hasTimeout) {
    return hasTimeout && !std::exchange(timedOut_, true) ? StreamStatus::kTimeout : StreamStatus::kEnd;
}

bool FakeStream::send(Bytes bytes) {
    if (closed_) return false;
    written_ += asText(bytes);
    return true;
}

}  // namespace nsq::sdk::testing
