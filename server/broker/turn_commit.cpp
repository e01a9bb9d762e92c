#include "broker/turn_commit.h"

#include <algorithm>
#include <exception>

#include "broker/broker.h"

namespace nsq::broker {

void TurnCommit::add(const std::shared_ptr<Topic>& topic, TurnPublisher& publisher) {
    if (!std::exchange(queued_, true)) loop_.atTurnEnd(*this);
    // The set: a turn may publish to thousands of topics.
    if ((topics_.empty() || topics_.back() != topic) && known_.insert(topic.get()).second) {
        topics_.push_back(topic);
    }
    if (!std::exchange(publisher.listed_, true)) publishers_.push_back(&publisher);
}

void TurnCommit::forget(TurnPublisher& publisher) {
    std::erase(publishers_, &publisher);
    for (Share& share : telling_) {
        if (share.publisher == &publisher) share.publisher = nullptr;
    }
}

void TurnCommit::run() {
    queued_ = false;
    for (const std::shared_ptr<Topic>& topic : topics_) topic->commit();
    if (syncing_) return;  // what is committed now is synced next
    // Sessions may publish again, or go, while they are told.
    told_.swap(topics_);
    known_.clear();
    for (TurnPublisher* publisher : publishers_) {
        publisher->listed_ = false;
        telling_.push_back({publisher, publisher->owed_.size()});
    }
    publishers_.clear();
    if (syncer_ == nullptr) return tell();
    syncing_ = true;
    syncer_->sync({told_, &loop_, &synced_});
}

void TurnCommit::onSynced() {
    syncing_ = false;
    if (!publishers_.empty() && !std::exchange(queued_, true)) loop_.atTurnEnd(*this);
    tell();  // may throw
}

void TurnCommit::tell() {
    std::exception_ptr failure;
    for (std::size_t i = 0; i < telling_.size(); ++i) {
        try {
            if (telling_[i].publisher != nullptr) telling_[i].publisher->tell(telling_[i].count, scratch_);
        } catch (...) {
            // The others must get their outcomes, in this turn and in later ones.
            failure = std::current_exception();
        }
    }
    telling_.clear();
    told_.clear();
    if (failure) std::rethrow_exception(failure);
}

sdk::Result<void> TurnPublisher::publish(const sdk::Publication& publication, std::uint64_t tag) {
    const sdk::Result<std::uint64_t> appended = broker_.append(publication, topic_);
    if (!appended) return appended.error();
    turn_.add(topic_, *this);
    owed_.push_back({tag, topic_.get(), appended.value()});
    return {};
}

void TurnPublisher::tell(std::size_t count, std::vector<sdk::PublishOutcome>& scratch) {
    scratch.clear();
    std::vector<sdk::Error> errors;
    errors.reserve(count);  // outcomes point into it
    for (std::size_t i = 0; i < count; ++i) {
        const Owed& owed = owed_[i];
        auto outcome = owed.topic->mayHaveFailed() ? owed.topic->outcome(owed.append) : sdk::Result<void>{};
        if (!outcome) errors.push_back(outcome.error());
        scratch.push_back({owed.tag, outcome ? nullptr : &errors.back()});
    }
    owed_.erase(owed_.begin(), owed_.begin() + static_cast<std::ptrdiff_t>(count));
    // May destroy this publisher.
    faults::callListener(loop_, caller_, listener_, "onPublished",
                         [&listener = listener_, &scratch] { listener.onPublished(scratch); });
}

}  // namespace nsq::broker
