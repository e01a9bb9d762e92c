#pragma once

#include <boost/intrusive/list.hpp>

namespace nsq::net {

class SocketConnection;

/// A connection's place on one of its loop's work lists; leaves the list when destroyed.
class WorkHook
    : public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
public:
    explicit WorkHook(SocketConnection& connection) : connection_(connection) {}

private:
    friend class WorkList;
    SocketConnection& connection_;
};

/// Connections that wait for the same step of a turn, each once. Nothing is allocated. THREAD: the loop.
class WorkList {
public:
    void add(WorkHook& hook) {
        if (!hook.is_linked()) hooks_.push_back(hook);
    }

    bool empty() const { return hooks_.empty(); }

    /// Removes and returns the first connection; null when there is none.
    SocketConnection* pop() {
        if (hooks_.empty()) return nullptr;
        SocketConnection* first = &hooks_.front().connection_;
        hooks_.pop_front();
        return first;
    }

    /// Moves all of it into the list returned, which connections still leave by themselves.
    WorkList takeAll() {
        WorkList all;
        all.hooks_.swap(hooks_);
        return all;
    }

private:
    boost::intrusive::list<WorkHook, boost::intrusive::constant_time_size<false>> hooks_;
};

}  // namespace nsq::net
