#pragma once

#include <boost/intrusive/set.hpp>

#include "nsq/sdk/loop.h"

namespace nsq::net {

class SocketConnection;

/// A time at which a connection wants to be called. Belongs to the connection; leaves the queue when
/// destroyed.
class Timer
    : public boost::intrusive::set_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>,
                                             boost::intrusive::optimize_size<true>> {
public:
    explicit Timer(SocketConnection& connection) : connection_(connection) {}

    SocketConnection& connection() const { return connection_; }
    sdk::Clock::time_point when() const { return when_; }
    bool isSet() const { return is_linked(); }
    void clear() { unlink(); }

    friend bool operator<(const Timer& a, const Timer& b) { return a.when_ < b.when_; }

private:
    friend class TimerQueue;
    SocketConnection& connection_;
    sdk::Clock::time_point when_;
};

/// A loop's timers, the next one first. Nothing is allocated. THREAD: the loop.
class TimerQueue {
public:
    void set(Timer& timer, sdk::Clock::time_point when) {
        timer.unlink();
        timer.when_ = when;
        timers_.insert(timer);
    }

    /// Null when no timer is set.
    const Timer* next() const { return timers_.empty() ? nullptr : &*timers_.begin(); }

    /// Clears and returns the next timer if it is due at `now`; else null.
    Timer* popDue(sdk::Clock::time_point now) {
        if (timers_.empty() || timers_.begin()->when() > now) return nullptr;
        Timer* due = &*timers_.begin();
        due->clear();
        return due;
    }

private:
    boost::intrusive::multiset<Timer, boost::intrusive::constant_time_size<false>> timers_;
};

}  // namespace nsq::net
