#pragma once

#include <boost/unordered/unordered_flat_set.hpp>

#include <memory>
#include <string>
#include <vector>

#include "broker/syncer.h"
#include "broker/topic.h"
#include "faults/calling.h"
#include "nsq/sdk/broker.h"

namespace nsq::broker {

class Broker;
class TurnPublisher;

/// Commits, at the end of a loop's turn, every topic the turn published to, and then tells the publishers:
/// one commit however many publishes there were. Where a publish must be on the disk it tells them when the
/// topics are synced; what is published meanwhile is synced next, together. One for each loop. THREAD: its
/// loop.
class TurnCommit final : private sdk::LoopTask {
public:
    /// With a `syncer` topics are synced.
    TurnCommit(sdk::Loop& loop, Syncer* syncer) : loop_(loop), syncer_(syncer), synced_(*this) {}

    /// `publisher` has appended to `topic` in this turn.
    void add(const std::shared_ptr<Topic>& topic, TurnPublisher& publisher);

    /// `publisher` is going away.
    void forget(TurnPublisher& publisher);

private:
    /// Posted when topics are synced.
    class Synced final : public sdk::LoopTask {
    public:
        explicit Synced(TurnCommit& commit) : commit_(commit) {}
        void run() override { commit_.onSynced(); }

    private:
        TurnCommit& commit_;
    };

    /// A publisher and how many of its publishes are meant.
    struct Share {
        TurnPublisher* publisher;  ///< null: gone meanwhile
        std::size_t count;
    };

    void run() override;
    void onSynced();
    void tell();

    sdk::Loop& loop_;
    Syncer* const syncer_;
    Synced synced_;
    std::vector<std::shared_ptr<Topic>> topics_;     ///< appended to, and not committed or not synced
    boost::unordered_flat_set<const Topic*> known_;  ///< the same as topics_
    std::vector<TurnPublisher*> publishers_;         ///< with publishes of these topics
    bool queued_ = false;                            ///< run() will come
    bool syncing_ = false;
    std::vector<std::shared_ptr<Topic>> told_;  ///< topics of those who are told next
    std::vector<Share> telling_;
    std::vector<sdk::PublishOutcome> scratch_;
};

/// A session's publisher. THREAD: its loop.
class TurnPublisher final : public sdk::Publisher {
public:
    TurnPublisher(Broker& broker, TurnCommit& turn, sdk::Loop& loop, sdk::PublishListener& listener)
        : broker_(broker), turn_(turn), loop_(loop), listener_(listener) {}
    ~TurnPublisher() override { turn_.forget(*this); }

    sdk::Result<void> publish(const sdk::Publication& publication, std::uint64_t tag) override;
    std::size_t pending() const override { return owed_.size(); }

    /// How the oldest `count` publishes went. `scratch` spares an allocation.
    void tell(std::size_t count, std::vector<sdk::PublishOutcome>& scratch);

private:
    friend class TurnCommit;

    struct Owed {
        std::uint64_t tag;
        const Topic* topic;
        std::uint64_t append;
    };

    Broker& broker_;
    TurnCommit& turn_;
    sdk::Loop& loop_;
    sdk::PublishListener& listener_;
    const faults::Caller caller_ = faults::currentCaller();
    std::shared_ptr<Topic> topic_;  ///< the last one published to: most sessions use one
    std::vector<Owed> owed_;
    bool listed_ = false;  ///< in the turn's list of publishers
};

}  // namespace nsq::broker
