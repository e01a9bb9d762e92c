#include "broker/turn_commit.h"

#include <algorithm>

#include "broker/broker.h"

namespace nsq::broker {

void TurnCommit::add(const std::shared_ptr<Topic>& topic, TurnPublisher& publisher) {
    if (publishers_.empty()) loop_.atTurnEnd(*this);
    if (std::ranges::find(topics_, topic) == topics_.end()) topics_.push_back(topic);
    if (publisher.pending() == 0) publishers_.push_back(&publisher);
}

void TurnCommit::forget(TurnPublisher& publisher) {
    std::erase(publishers_, &publisher);
    std::ranges::replace(telling_, &publisher, nullptr);
}

void TurnCommit::run() {
    for (const std::shared_ptr<Topic>& topic : topics_) topic->commit();
    topics_.clear();
    // Sessions may publish again, or go, while they are told.
    telling_.swap(publishers_);
    for (std::size_t i = 0; i < telling_.size(); ++i) {
        if (telling_[i] != nullptr) telling_[i]->tell(scratch_);
    }
    telling_.clear();
}

sdk::Result<void> TurnPublisher::publish(const sdk::Publication& publication, std::uint64_t tag) {
    sdk::Result<void> appended = broker_.append(publication, topic_);
    if (!appended) return appended;
    turn_.add(topic_, *this);
    outcomes_.push_back({tag, nullptr});
    return appended;
}

void TurnPublisher::tell(std::vector<sdk::PublishOutcome>& scratch) {
    scratch.clear();
    scratch.swap(outcomes_);
    listener_.onPublished(scratch);  // may destroy this publisher
}

}  // namespace nsq::broker
