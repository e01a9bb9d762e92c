#pragma once

#include <spdlog/logger.h>

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "cluster/lookupd_http.h"
#include "cluster/lookupd_peer.h"
#include "net/interrupt.h"
#include "nsq/sdk/result.h"

namespace nsq::cluster {

/// Asks one lookupd for the channels of topics, one topic after the other, on a thread of its own. Each has
/// the two timeouts together for its answer. While a lookupd does not answer, what has waited for that long
/// already is not asked any more: else it would keep each of many topics back for that long.
class ChannelFinder {
public:
    /// Most channels of a topic that are taken (chosen): each costs a file's write, and a place for the
    /// topic's backlog to wait.
    static constexpr std::size_t kMostChannels = 1000;

    /// A question of this number is answered with the channels; there are none when it could not be asked,
    /// which is said in the log.
    using Answer = std::function<void(std::uint64_t number, std::vector<std::string> channels)>;

    /// Starts. `peer` and logger outlive it. Each question is answered once: THREAD: the finder's, or that
    /// which destroys it.
    ChannelFinder(LookupdPeer& peer, HttpTimeouts timeouts, spdlog::logger& logger, Answer answer);
    ChannelFinder(const ChannelFinder&) = delete;
    ChannelFinder& operator=(const ChannelFinder&) = delete;

    /// Breaks off what it does and answers what is left.
    ~ChannelFinder();

    /// THREAD: any; does not block.
    void ask(std::uint64_t number, const std::string& topic);

private:
    struct Question {
        std::uint64_t number;
        std::string topic;
        sdk::Clock::time_point since;
    };

    void run();
    std::vector<std::string> channelsOf(const Question& question);
    sdk::Result<std::vector<std::string>> query(const std::string& topic);
    void noteNotAsked(std::size_t topics, std::string_view why);

    LookupdPeer& peer_;
    const HttpTimeouts timeouts_;
    spdlog::logger& logger_;
    const Answer answer_;
    net::Interrupt stop_;

    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<Question> questions_;  ///< without the one that is being asked
    bool stopping_ = false;

    // THREAD: its own.
    LookupdHttp http_{timeouts_, stop_};
    bool isTroubled_ = false;   ///< the last question failed
    bool isSilent_ = false;     ///< and only because the time was over
    std::size_t notAsked_ = 0;  ///< topics, since there was nothing to ask

    std::thread thread_;
};

}  // namespace nsq::cluster
