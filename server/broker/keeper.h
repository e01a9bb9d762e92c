#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "nsq/sdk/loop.h"

namespace nsq::broker {

class Topic;

/// Writes behind: visits topics in which something happened, to save what their channels finished, remove
/// files nobody needs and let memory go. One thread; it sleeps as long as nothing happens.
class Keeper {
public:
    /// How long after something happened it is saved at the latest, apart from the time the disk takes
    /// (chosen: well below the second after which what was finished must not come again after a crash).
    static constexpr std::chrono::milliseconds kSaveAfter{200};

    /// The same when deliveries wait for it (chosen: their number is then no more than 2 each 5 ms for a
    /// message, and what many wait for is saved together).
    static constexpr std::chrono::milliseconds kHurriedAfter{5};

    Keeper();
    ~Keeper();

    /// Visits `topic` soon. THREAD: any; any lock may be held.
    void visit(const std::weak_ptr<Topic>& topic);

    /// Visits those that it was told of as soon as kHurriedAfter. THREAD: any; any lock may be held.
    void hurry();

    /// No topic is visited after this. THREAD: any but its own.
    void stop();

private:
    void run();
    void visitAll(std::vector<std::weak_ptr<Topic>> topics);

    std::mutex mutex_;
    std::condition_variable wake_;
    std::vector<std::weak_ptr<Topic>> marked_;
    std::multimap<sdk::Clock::time_point, std::weak_ptr<Topic>> later_;  ///< its own thread's
    bool hurried_ = false;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace nsq::broker
