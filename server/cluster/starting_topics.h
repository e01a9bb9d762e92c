#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "nsq/sdk/loop.h"

namespace nsq::cluster {

using sdk::Clock;

/// New topics that wait for lookupds to tell of their channels, until all have answered or the time is over.
/// A thread of its own gives them their start.
class StartingTopics {
public:
    using Start = std::function<void(const std::string& topic, std::set<std::string> channels)>;
    using GiveUp = std::function<void(std::uint64_t number)>;

    /// `start` is called once for each topic, with what was answered, `giveUp` before it for one of which the
    /// time is over; both on the own thread, without any lock.
    StartingTopics(Clock::duration timeout, Start start, GiveUp giveUp);
    StartingTopics(const StartingTopics&) = delete;
    StartingTopics& operator=(const StartingTopics&) = delete;

    /// What still waits gets no start.
    ~StartingTopics();

    struct Added {
        std::uint64_t number;  ///< that of its question; later ones have greater ones
        Clock::time_point deadline;
    };

    /// One more, of which so many answers will come. THREAD: any; does not block.
    Added add(const std::string& topic, std::size_t answers);

    /// An answer. THREAD: any; does not block.
    void answer(std::uint64_t number, const std::vector<std::string>& channels);

private:
    struct Waiting {
        std::string topic;
        std::size_t answers;  ///< still to come
        Clock::time_point deadline;
        std::set<std::string> channels;
    };

    void run();

    const Clock::duration timeout_;
    const Start start_;
    const GiveUp giveUp_;

    std::mutex mutex_;
    std::condition_variable wake_;
    std::uint64_t lastNumber_ = 0;
    std::map<std::uint64_t, Waiting> waiting_;  ///< by number, and so by deadline
    std::map<std::uint64_t, Waiting> ready_;    ///< all answers are there
    bool stopping_ = false;

    std::thread thread_;
};

}  // namespace nsq::cluster
