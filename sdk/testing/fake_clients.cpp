#include "fake_clients.h"

#include <algorithm>
#include <cstring>

#include "nsq/sdk/names.h"

namespace nsq::sdk::testing {

namespace {

/// Frames in memory of their own.
class FrameBuffer final : public SharedBuffer {
public:
    std::vector<std::byte> bytes;

private:
    void destroy() noexcept override { delete this; }
};

std::size_t frameSize(const FakeMessage& message) {
    return frame::kBodyOffset + message.body.size();
}

void appendFrame(std::vector<std::byte>& to, const FakeMessage& message) {
    const std::size_t begin = to.size();
    to.resize(begin + frameSize(message));
    std::byte* at = to.data() + begin;
    storeBig(at, static_cast<std::int32_t>(frameSize(message) - frame::kSizeBytes));
    storeBig(at + frame::kSizeBytes, frame::kTypeMessage);
    // Not the clock's: the same test gives the same bytes each time.
    storeBig(at + frame::kTimestampOffset, static_cast<std::int64_t>(message.id));
    storeBig(at + frame::kAttemptsOffset, message.attempts);
    const auto id = MessageId{message.id}.text();
    std::memcpy(at + frame::kIdOffset, id.data(), id.size());
    std::memcpy(at + frame::kBodyOffset, message.body.data(), message.body.size());
}

Error notInFlight() {
    return {ErrorCode::kNotInFlight, "ID not in flight"};
}

}  // namespace

FakePublisher::FakePublisher(FakeBroker& broker, Loop& loop, PublishListener& listener)
    : broker_(broker), loop_(loop), listener_(listener) {
    broker_.publishers_.push_back(this);
}

FakePublisher::~FakePublisher() {
    loop_.cancel(*this);
    std::erase(broker_.publishers_, this);
}

Result<void> FakePublisher::publish(const Publication& publication, std::uint64_t tag) {
    const Result<void> appended = broker_.append(publication, loop_.now());
    if (!appended) return appended;
    const auto error = broker_.outcomeErrors_.find(broker_.published_ - 1);
    outcomes_.push_back(
        {tag, error == broker_.outcomeErrors_.end() ? std::nullopt : std::optional{error->second}});
    loop_.atTurnEnd(*this);
    return {};
}

void FakePublisher::run() {
    if (!broker_.outcomesHeld_) release(outcomes_.size());
}

void FakePublisher::release(std::size_t count) {
    count = std::min(count, outcomes_.size());
    if (count == 0) return;
    const std::vector<Outcome> released{outcomes_.begin(),
                                        outcomes_.begin() + static_cast<std::ptrdiff_t>(count)};
    outcomes_.erase(outcomes_.begin(), outcomes_.begin() + static_cast<std::ptrdiff_t>(count));
    std::vector<PublishOutcome> told;
    for (const Outcome& outcome : released) {
        told.push_back({outcome.tag, outcome.error ? &*outcome.error : nullptr});
    }
    listener_.onPublished(told);
}

FakeSubscription::FakeSubscription(FakeBroker& broker, std::string topic, std::string channelName,
                                   FakeChannel& channel, const SubscribeOptions& options, Loop& loop,
                                   SubscriptionListener& listener)
    : broker_(broker),
      topic_(std::move(topic)),
      channelName_(std::move(channelName)),
      channel_(&channel),
      options_(options),
      loop_(loop),
      listener_(listener) {
    channel.consumers.insert(this);
}

FakeSubscription::~FakeSubscription() {
    loop_.cancel(*this);
    if (channel_ == nullptr) return;
    channel_->consumers.erase(this);
    for (auto& [id, pending] : channel_->inFlight) {
        if (pending.owner == this) pending.owner = nullptr;
    }
    if (channel_->consumers.empty() && isEphemeral(channelName_)) {
        static_cast<void>(broker_.deleteChannel(topic_, channelName_));
    }
}

void FakeSubscription::setReady(std::int64_t count) {
    ready_ = count;
    tell();
}

std::int64_t FakeSubscription::inFlight() const {
    if (channel_ == nullptr) return 0;
    return std::ranges::count_if(channel_->inFlight,
                                 [&](const auto& entry) { return entry.second.owner == this; });
}

bool FakeSubscription::wantsMore() const {
    return channel_ != nullptr && !channel_->paused && !channel_->waiting.empty() && inFlight() < ready_;
}

std::size_t FakeSubscription::take(std::size_t maxBytes, std::vector<MessageRun>& runs) {
    told_ = false;
    std::size_t taken = 0;
    std::size_t bytes = 0;
    auto* buffer = new FrameBuffer;
    const BufferRef owner{buffer};
    while (wantsMore() && maxBytes > 0) {
        FakeMessage message = std::move(channel_->waiting.front());
        if (taken > 0 && bytes + frameSize(message) > maxBytes) {
            channel_->waiting.front() = std::move(message);
            break;
        }
        channel_->waiting.pop_front();
        if (options_.sampleRate > 0 && message.id % 100 >= static_cast<std::uint64_t>(options_.sampleRate)) {
            ++channel_->counters.droppedCount;
            continue;
        }
        ++message.attempts;
        appendFrame(buffer->bytes, message);
        bytes = buffer->bytes.size();
        ++taken;
        const std::uint64_t id = message.id;
        channel_->inFlight[id] = {std::move(message), this, loop_.now() + options_.msgTimeout};
    }
    if (taken > 0) runs.push_back({owner, buffer->bytes, static_cast<std::uint32_t>(taken)});
    if (maxBytes > 0) tell();
    return taken;
}

Result<FakePending*> FakeSubscription::find(MessageId id) {
    if (channel_ == nullptr) return notInFlight();
    const auto found = channel_->inFlight.find(id.value);
    if (found == channel_->inFlight.end()) return notInFlight();
    if (found->second.owner != this) return Error{ErrorCode::kNotOwner, "client does not own message"};
    return &found->second;
}

std::vector<Subscription::Failure> FakeSubscription::finish(std::span<const MessageId> ids) {
    std::vector<Failure> failures;
    for (std::size_t i = 0; i < ids.size(); ++i) {
        const Result<FakePending*> pending = find(ids[i]);
        if (!pending) {
            failures.push_back({i, pending.error()});
            continue;
        }
        channel_->inFlight.erase(ids[i].value);
        ++channel_->counters.finishCount;
    }
    tell();
    return failures;
}

Result<void> FakeSubscription::requeue(MessageId id, std::chrono::milliseconds delay) {
    const Result<FakePending*> pending = find(id);
    if (!pending) return pending.error();
    FakeMessage message = std::move(pending.value()->message);
    channel_->inFlight.erase(id.value);
    ++channel_->counters.requeueCount;
    if (delay.count() > 0) {
        channel_->deferred.push_back({std::move(message), nullptr, loop_.now() + delay});
    } else {
        channel_->waiting.push_back(std::move(message));
        FakeBroker::wake(*channel_);
    }
    return {};
}

Result<void> FakeSubscription::touch(MessageId id) {
    const Result<FakePending*> pending = find(id);
    if (!pending) return pending.error();
    pending.value()->at = loop_.now() + options_.msgTimeout;
    return {};
}

void FakeSubscription::tell() {
    if (told_ || !wantsMore()) return;
    told_ = true;
    loop_.post(*this);
}

void FakeSubscription::tellClosed() {
    channel_ = nullptr;
    loop_.post(*this);
}

void FakeSubscription::run() {
    if (channel_ == nullptr) return listener_.onSubscriptionClosed();
    listener_.onMessagesReady();
}

}  // namespace nsq::sdk::testing
