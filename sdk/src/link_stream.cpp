#include "link_stream.h"

namespace nsq::sdk {

class LinkStream::Consumer final : public BlockingSubscription {
public:
    Consumer(LinkStream& stream, BlockingLink& link) : stream_(stream), link_(link) {}
    ~Consumer() override { link_.unsubscribe(); }

    void setReady(std::int64_t count) override {
        static_cast<void>(link_.callSubscription([&](Subscription& subscription) {
            subscription.setReady(count);
            return Result<void>{};
        }));
    }

    Result<void> finish(MessageId id) override {
        return link_.callSubscription([&](Subscription& subscription) -> Result<void> {
            const auto failures = subscription.finish({&id, 1});
            if (!failures.empty()) return failures.front().error;
            return {};
        });
    }

    Result<void> requeue(MessageId id, std::chrono::milliseconds delay) override {
        return link_.callSubscription(
            [&](Subscription& subscription) { return subscription.requeue(id, delay); });
    }

    Result<void> touch(MessageId id) override {
        return link_.callSubscription([&](Subscription& subscription) { return subscription.touch(id); });
    }

private:
    StreamStatus next(MessageView& message, std::chrono::milliseconds timeout, bool orInput) override {
        if (orInput && stream_.hasUnread()) return StreamStatus::kInput;
        return link_.receiveMessage(message, owner_, deadlineAfter(timeout), orInput);
    }

    LinkStream& stream_;
    BlockingLink& link_;
    BufferRef owner_;  ///< of the message that was given out last
};

Result<std::unique_ptr<BlockingSubscription>> LinkStream::subscribe(std::string_view topic,
                                                                    std::string_view channel,
                                                                    const SubscribeOptions& options) {
    if (auto subscribed = link_.subscribe(host_.broker(), topic, channel, options); !subscribed) {
        return subscribed.error();
    }
    return std::unique_ptr<BlockingSubscription>{std::make_unique<Consumer>(*this, link_)};
}

void LinkStream::close(std::string_view reason) {
    dropUnread();
    link_.close(reason);
}

}  // namespace nsq::sdk
