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

#include "broker/known_topic.h"

namespace nsq::cluster {

/// New topics that wait for lookupds to tell of their channels, until all have answered. A thread of its own
/// gives them their start.
class StartingTopics {
public:
    using Start = std::function<void(const std::string& topic, const broker::Identity& identity,
                                     std::set<std::string> channels)>;

    /// `start` is called once for each topic, with what was answered, on the own thread, without any lock.
    explicit StartingTopics(Start start);
    StartingTopics(const StartingTopics&) = delete;
    StartingTopics& operator=(const StartingTopics&) = delete;

    ~StartingTopics();  ///< stops, if that was not done

    /// Ends the thread, when it is done with a start. What still waits gets none. THREAD: main.
    void stop();

    /// One more, of which so many answers will come. Returns the number of its question. THREAD: any; does
    /// not block.
    std::uint64_t add(const std::string& topic, broker::Identity identity, std::size_t answers);

    /// An answer. THREAD: any; does not block.
    void answer(std::uint64_t number, const std::vector<std::string>& channels);

private:
    struct Waiting {
        std::string topic;
        broker::Identity identity;
        std::size_t answers;  ///< still to come
        std::set<std::string> channels;
    };

    void run();

    const Start start_;

    std::mutex mutex_;
    std::condition_variable wake_;
    std::uint64_t lastNumber_ = 0;
    std::map<std::uint64_t, Waiting> waiting_;  ///< by number
    std::map<std::uint64_t, Waiting> ready_;    ///< all answers are there
    bool stopping_ = false;

    std::thread thread_;
};

}  // namespace nsq::cluster
