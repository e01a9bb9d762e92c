#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "peer.h"
#include "registration_db.h"

namespace nsq::lookupd {

/// Takes away what peers that left had registered, on a thread of its own: a thousand of them with ten
/// thousand topics each may go at once, and event loops are not to wait for that.
class Cleaner {
public:
    /// `db` outlives it. Throws std::system_error when there is no thread left.
    explicit Cleaner(RegistrationDb& db) : db_(db), thread_([this] { run(); }) {}
    Cleaner(const Cleaner&) = delete;
    Cleaner& operator=(const Cleaner&) = delete;

    /// Ends the thread. Those it has not come to keep what they had: topics let go of them with the database.
    ~Cleaner();

    /// The peer has left the database. THREAD: any.
    void add(PeerPtr peer);

private:
    void run();

    RegistrationDb& db_;
    std::mutex mutex_;  ///< guards the three below
    std::condition_variable wake_;
    std::vector<PeerPtr> peers_;
    bool stopping_ = false;
    std::thread thread_;  ///< the last member: uses the others
};

}  // namespace nsq::lookupd
