#pragma once

#include <Poco/Net/StreamSocket.h>
#include <spdlog/logger.h>

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "cluster/lookupd_peer.h"
#include "net/interrupt.h"
#include "nsq/sdk/result.h"

namespace nsq::cluster {

/// How long asking over HTTP may take.
struct HttpTimeouts {
    std::chrono::nanoseconds connect;
    std::chrono::nanoseconds request;
};

/// Asks one lookupd for the channels of topics, one topic after the other, on a thread of its own.
class ChannelFinder {
public:
    /// A question of this number is answered with the channels; there are none when it could not be asked.
    using Answer = std::function<void(std::uint64_t number, std::vector<std::string> channels)>;

    /// Starts. `peer` and logger outlive it. Each question is answered once: THREAD: the finder's, or that
    /// which destroys it.
    ChannelFinder(LookupdPeer& peer, HttpTimeouts timeouts, spdlog::logger& logger, Answer answer);
    ChannelFinder(const ChannelFinder&) = delete;
    ChannelFinder& operator=(const ChannelFinder&) = delete;

    /// Breaks off what it does and answers what is left.
    ~ChannelFinder();

    /// THREAD: any; does not block. After `deadline` it is answered without asking.
    void ask(std::uint64_t number, const std::string& topic, sdk::Clock::time_point deadline);

    /// The answer to this question, and to those before it, is of no use any more. THREAD: any; does not
    /// block.
    void giveUp(std::uint64_t number);

private:
    struct Question {
        std::uint64_t number;
        std::string topic;
        sdk::Clock::time_point deadline;
    };

    void run();
    std::vector<std::string> channelsOf(const Question& question);
    sdk::Result<std::vector<std::string>> query(const options::HostAndPort& host, const Question& question);
    sdk::Result<std::vector<std::string>> exchange(const options::HostAndPort& host,
                                                   const std::string& target,
                                                   const Poco::Net::StreamSocket& socket) const;
    void breakOff();

    LookupdPeer& peer_;
    const HttpTimeouts timeouts_;
    spdlog::logger& logger_;
    const Answer answer_;
    net::Interrupt stop_;

    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<Question> questions_;  ///< the first is being asked
    net::Fd socket_;                  ///< a duplicate of that over which it is asked
    bool stopping_ = false;

    bool isTroubled_ = false;  ///< the last question failed. THREAD: its own

    std::thread thread_;
};

}  // namespace nsq::cluster
