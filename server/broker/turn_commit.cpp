#include "broker/turn_commit.h"

#include <algorithm>
#include <exception>

#include "broker/broker.h"

namespace nsq::broker {

void TurnCommit::add(const std::shared_ptr<Topic>& topic, TurnPublisher& publisher) {
    if (publishers_.empty()) loop_.atTurnEnd(*this);
    // The set: a turn may publish to thousands of topics.
    if ((topics_.empty() || topics_.back() != topic) && known_.insert(topic.get()).second) {
        topics_.push_back(topic);
    }
    if (publisher.pending() == 0) publishers_.push_back(&publisher);
}

void TurnCommit::forget(TurnPublisher& publisher) {
    std::erase(publishers_, &publisher);
    std::ranges::replace(telling_, &publisher, nullptr);
}

void TurnCommit::run() {
    for (const std::shared_ptr<Topic>& topic : topics_) topic->commit();
    topics_.clear();
    known_.clear();
    // Sessions may publish again, or go, while they are told.
    telling_.swap(publishers_);
    std::exception_ptr failure;
    for (std::size_t i = 0; i < telling_.size(); ++i) {
        try {
            if (telling_[i] != nullptr) telling_[i]->tell(scratch_);
        } catch (...) {
            // A plugin's listener: the others must get their outcomes, in this turn and in later ones.
            failure = std::current_exception();
        }
    }
    telling_.clear();
    if (failure) std::rethrow_exception(failure);
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
