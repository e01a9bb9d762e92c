#include "application/no_broker.h"

namespace nsq::app {

using sdk::Result;

namespace {

sdk::Error refusal() {
    return {sdk::ErrorCode::kInvalid, "this server keeps no messages"};
}

class NoPublisher final : public sdk::Publisher {
public:
    Result<void> publish(const sdk::Publication&, std::uint64_t) override { return refusal(); }
    std::size_t pending() const override { return 0; }
};

}  // namespace

std::unique_ptr<sdk::Publisher> NoBroker::openPublisher(sdk::Loop&, sdk::PublishListener&) {
    return std::make_unique<NoPublisher>();
}

Result<void> NoBroker::publish(const sdk::Publication&) {
    return refusal();
}

Result<std::unique_ptr<sdk::Subscription>> NoBroker::subscribe(std::string_view, std::string_view,
                                                               const sdk::SubscribeOptions&, sdk::Loop&,
                                                               sdk::SubscriptionListener&) {
    return refusal();
}

Result<void> NoBroker::createTopic(std::string_view) {
    return refusal();
}

Result<void> NoBroker::deleteTopic(std::string_view) {
    return refusal();
}

Result<void> NoBroker::emptyTopic(std::string_view) {
    return refusal();
}

Result<void> NoBroker::pauseTopic(std::string_view, bool) {
    return refusal();
}

Result<void> NoBroker::createChannel(std::string_view, std::string_view) {
    return refusal();
}

Result<void> NoBroker::deleteChannel(std::string_view, std::string_view) {
    return refusal();
}

Result<void> NoBroker::emptyChannel(std::string_view, std::string_view) {
    return refusal();
}

Result<void> NoBroker::pauseChannel(std::string_view, std::string_view, bool) {
    return refusal();
}

}  // namespace nsq::app
