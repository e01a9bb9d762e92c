#include "cluster/channel_finder.h"

#include <Poco/URI.h>

#include <algorithm>
#include <utility>

#include "cluster/lookupd_protocol.h"
#include "faults/exception_text.h"

namespace nsq::cluster {

using sdk::Clock;
using sdk::Error;
using sdk::ErrorCode;
using sdk::Result;

namespace {

using Channels = std::vector<std::string>;

std::string targetOf(const std::string& topic) {
    std::string encoded;
    Poco::URI::encode(topic, "#", encoded);
    return "/channels?topic=" + encoded;
}

}  // namespace

ChannelFinder::ChannelFinder(LookupdPeer& peer, HttpTimeouts timeouts, spdlog::logger& logger, Answer answer)
    : peer_(peer), timeouts_(timeouts), logger_(logger), answer_(std::move(answer)), thread_([this] {
          run();
      }) {}

ChannelFinder::~ChannelFinder() {
    stop_.raise();
    {
        const std::lock_guard lock{mutex_};
        stopping_ = true;
        wake_.notify_all();
    }
    thread_.join();
    noteNotAsked(questions_.size(), "it is closed");
    for (const Question& question : questions_) answer_(question.number, {});
}

void ChannelFinder::ask(std::uint64_t number, const std::string& topic) {
    const std::lock_guard lock{mutex_};
    questions_.push_back({number, topic, Clock::now()});
    wake_.notify_all();
}

void ChannelFinder::run() {
    std::unique_lock lock{mutex_};
    while (!stopping_) {
        if (questions_.empty()) {
            lock.unlock();
            noteNotAsked(std::exchange(notAsked_, 0), "it does not answer");
            http_.close();
            lock.lock();
            wake_.wait(lock, [this] { return stopping_ || !questions_.empty(); });
            continue;
        }
        const Question question = std::move(questions_.front());
        questions_.pop_front();
        lock.unlock();
        answer_(question.number, channelsOf(question));
        lock.lock();
    }
}

Channels ChannelFinder::channelsOf(const Question& question) {
    const Clock::time_point now = Clock::now();
    if (isSilent_ && now - question.since >= timeouts_.whole()) {
        ++notAsked_;
        return {};
    }
    Result<Channels> channels = Error{ErrorCode::kInvalid, ""};
    try {
        channels = query(question.topic);
    } catch (...) {
        channels = Error{ErrorCode::kInvalid, faults::exceptionText()};
    }
    // One line for a lookupd that is down, not one for each topic.
    const bool wasTroubled = std::exchange(isTroubled_, !channels);
    isSilent_ = !channels && Clock::now() - now >= std::min(timeouts_.connect, timeouts_.request);
    if (channels) return std::move(channels).value();
    logger_.log(wasTroubled ? spdlog::level::debug : spdlog::level::warn,
                "LOOKUPD({}): failed to query for channels to pre-create for topic {} - {}", peer_.address(),
                question.topic, channels.error().text);
    return {};
}

Result<Channels> ChannelFinder::query(const std::string& topic) {
    const auto host = peer_.httpAddress(Clock::now() + std::chrono::ceil<Clock::duration>(timeouts_.whole()));
    if (!host) return Error{ErrorCode::kInvalid, "it does not tell where its HTTP API is"};
    const std::string target = targetOf(topic);
    logger_.info("CI: querying nsqlookupd http://{}{}", authorityOf(*host), target);
    const auto body = http_.get(*host, target);
    if (!body) return body.error();
    auto channels = parseChannels(body.value());
    if (channels && channels.value().size() > kMostChannels) {
        logger_.warn("LOOKUPD({}): only {} of the {} channels it knows of topic {} are made", peer_.address(),
                     kMostChannels, channels.value().size(), topic);
        channels.value().resize(kMostChannels);
    }
    return channels;
}

void ChannelFinder::noteNotAsked(std::size_t topics, std::string_view why) {
    if (topics == 0) return;
    logger_.warn("LOOKUPD({}): not asked for channels to pre-create for {} topics: {}", peer_.address(),
                 topics, why);
}

}  // namespace nsq::cluster
