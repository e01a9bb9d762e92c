#pragma once

#include <boost/intrusive/list.hpp>
#include <boost/intrusive/set.hpp>

#include <cstddef>
#include <cstdint>
#include <tuple>

#include "broker/pending.h"

namespace nsq::broker {

/// The messages of a channel that are in flight outside of runs: redelivered or touched ones. They are found
/// by sequence number, by deadline and by owner; none of these moves a million when it grows by one. THREAD:
/// one at a time, under the channel's lock.
class Singles {
    struct Node : SingleInFlight {
        explicit Node(SingleInFlight single) : SingleInFlight(std::move(single)) {}

        boost::intrusive::set_member_hook<> bySeq;
        boost::intrusive::set_member_hook<> byDeadline;
        boost::intrusive::list_member_hook<> ofOwner;
    };
    struct SeqOf {
        using type = std::uint64_t;
        type operator()(const Node& node) const { return node.message.seq; }
    };
    struct DeadlineOf {
        using type = std::pair<Clock::time_point, std::uint64_t>;
        type operator()(const Node& node) const { return {node.deadline, node.message.seq}; }
    };
    using BySeq = boost::intrusive::set<
        Node, boost::intrusive::member_hook<Node, boost::intrusive::set_member_hook<>, &Node::bySeq>,
        boost::intrusive::key_of_value<SeqOf>>;
    using ByDeadline = boost::intrusive::set<
        Node, boost::intrusive::member_hook<Node, boost::intrusive::set_member_hook<>, &Node::byDeadline>,
        boost::intrusive::key_of_value<DeadlineOf>>;

public:
    /// Those of one owner, who has this list. It must not go before they are disowned.
    class Owned {
    public:
        std::size_t size() const { return nodes_.size(); }

    private:
        friend class Singles;
        boost::intrusive::list<
            Node, boost::intrusive::member_hook<Node, boost::intrusive::list_member_hook<>, &Node::ofOwner>>
            nodes_;
    };

    ~Singles() { clear(); }

    std::size_t size() const { return bySeq_.size(); }

    /// In the order of their sequence numbers.
    auto begin() { return bySeq_.begin(); }
    auto end() { return bySeq_.end(); }
    auto begin() const { return bySeq_.begin(); }
    auto end() const { return bySeq_.end(); }

    /// The first one behind `seq`.
    auto after(std::uint64_t seq) { return bySeq_.upper_bound(seq); }

    /// Null if there is none.
    const SingleInFlight* find(std::uint64_t seq) const;

    /// The one with the earliest deadline; null if there are none.
    const SingleInFlight* earliest() const;

    /// Takes the place of one with the same sequence number.
    void add(SingleInFlight single);

    /// `single` is one that find() or earliest() gave.
    SingleInFlight remove(const SingleInFlight& single);

    /// They stay in flight, without an owner.
    void disown(Consumer& owner);

    void clear();

private:
    static Owned& ownedBy(Consumer& owner);

    BySeq bySeq_;
    ByDeadline byDeadline_;
};

}  // namespace nsq::broker
