#pragma once

#include <boost/unordered/unordered_flat_set.hpp>

#include <memory>
#include <string>
#include <vector>

#include "broker/topic.h"
#include "nsq/sdk/broker.h"

namespace nsq::broker {

class Broker;
class TurnPublisher;

/// Commits, at the end of a loop's turn, every topic the turn published to, and then tells the publishers:
/// one commit however many publishes there were. One for each loop. THREAD: its loop.
class TurnCommit final : private sdk::LoopTask {
public:
    explicit TurnCommit(sdk::Loop& loop) : loop_(loop) {}

    /// `publisher` has appended to `topic` in this turn.
    void add(const std::shared_ptr<Topic>& topic, TurnPublisher& publisher);

    /// `publisher` is going away.
    void forget(TurnPublisher& publisher);

private:
    void run() override;

    sdk::Loop& loop_;
    std::vector<std::shared_ptr<Topic>> topics_;
    boost::unordered_flat_set<const Topic*> known_;  ///< the same as topics_
    std::vector<TurnPublisher*> publishers_;
    std::vector<TurnPublisher*> telling_;  ///< null: gone meanwhile
    std::vector<sdk::PublishOutcome> scratch_;
};

/// A session's publisher. THREAD: its loop.
class TurnPublisher final : public sdk::Publisher {
public:
    TurnPublisher(Broker& broker, TurnCommit& turn, sdk::PublishListener& listener)
        : broker_(broker), turn_(turn), listener_(listener) {}
    ~TurnPublisher() override { turn_.forget(*this); }

    sdk::Result<void> publish(const sdk::Publication& publication, std::uint64_t tag) override;
    std::size_t pending() const override { return outcomes_.size(); }

    /// The topics are committed. `scratch` spares an allocation.
    void tell(std::vector<sdk::PublishOutcome>& scratch);

private:
    Broker& broker_;
    TurnCommit& turn_;
    sdk::PublishListener& listener_;
    std::shared_ptr<Topic> topic_;  ///< the last one published to: most sessions use one
    std::vector<sdk::PublishOutcome> outcomes_;
};

}  // namespace nsq::broker
