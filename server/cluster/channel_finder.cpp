#include "cluster/channel_finder.h"

#include <Poco/Net/HTTPClientSession.h>
#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/HTTPResponse.h>
#include <Poco/URI.h>
#include <fcntl.h>
#include <spdlog/fmt/fmt.h>
#include <sys/socket.h>

#include <algorithm>
#include <istream>
#include <utility>

#include "cluster/lookupd_protocol.h"
#include "net/connect.h"
#include "net/exception_text.h"

namespace nsq::cluster {

using Poco::Net::HTTPRequest;
using Poco::Net::HTTPResponse;
using Poco::Net::StreamSocket;
using sdk::Clock;
using sdk::Error;
using sdk::ErrorCode;
using sdk::Result;

namespace {

using Channels = std::vector<std::string>;

/// Longest answer that is taken: with names of the longest kind, some hundred thousand channels (chosen).
constexpr std::size_t kMostBytes = 8 << 20;

/// Most header fields of an answer (chosen).
constexpr int kMostFields = 100;

Error failure(std::string why) {
    return {ErrorCode::kInvalid, std::move(why)};
}

Result<std::string> readAll(std::istream& body) {
    std::string text;
    char buffer[4096];
    while (body.read(buffer, sizeof buffer), body.gcount() > 0) {
        text.append(buffer, static_cast<std::size_t>(body.gcount()));
        if (text.size() > kMostBytes) return failure("the answer is too long");
    }
    return text;
}

std::string targetOf(const std::string& topic) {
    std::string encoded;
    Poco::URI::encode(topic, "#", encoded);
    return "/channels?topic=" + encoded;
}

std::string hostHeader(const options::HostAndPort& host) {
    const bool isIpV6 = host.host.find(':') != std::string::npos;
    return fmt::format("{}{}{}:{}", isIpV6 ? "[" : "", host.host, isIpV6 ? "]" : "", host.port);
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
        breakOff();
        wake_.notify_all();
    }
    thread_.join();
    for (const Question& question : questions_) answer_(question.number, {});
}

void ChannelFinder::ask(std::uint64_t number, const std::string& topic, Clock::time_point deadline) {
    const std::lock_guard lock{mutex_};
    questions_.push_back({number, topic, deadline});
    wake_.notify_all();
}

void ChannelFinder::giveUp(std::uint64_t number) {
    const std::lock_guard lock{mutex_};
    if (!questions_.empty() && questions_.front().number <= number) breakOff();
}

/// Ends the reading of an answer, however slowly it comes. Under the lock.
void ChannelFinder::breakOff() {
    if (socket_.get() >= 0) ::shutdown(socket_.get(), SHUT_RDWR);
}

void ChannelFinder::run() {
    std::unique_lock lock{mutex_};
    for (;;) {
        wake_.wait(lock, [this] { return stopping_ || !questions_.empty(); });
        if (stopping_) return;
        const Question question = questions_.front();
        lock.unlock();
        Channels channels = channelsOf(question);
        lock.lock();
        questions_.pop_front();
        lock.unlock();
        answer_(question.number, std::move(channels));
        lock.lock();
    }
}

Channels ChannelFinder::channelsOf(const Question& question) {
    if (Clock::now() >= question.deadline) return {};
    const auto host = peer_.httpAddress(question.deadline);
    if (!host) return {};
    Result<Channels> channels = failure("");
    try {
        channels = query(*host, question);
    } catch (...) {
        channels = failure(net::exceptionText());
    }
    if (channels) {
        isTroubled_ = false;
        return std::move(channels).value();
    }
    // One line for a lookupd that is down, not one for each topic.
    const bool isKnown = std::exchange(isTroubled_, true);
    logger_.log(isKnown ? spdlog::level::debug : spdlog::level::warn,
                "LOOKUPD({}): failed to query for channels to pre-create for topic {} - {}", peer_.address(),
                question.topic, channels.error().text);
    return {};
}

Result<Channels> ChannelFinder::query(const options::HostAndPort& host, const Question& question) {
    const std::string target = targetOf(question.topic);
    logger_.info("CI: querying nsqlookupd http://{}{}", hostHeader(host), target);
    const auto until = std::chrono::ceil<Clock::duration>(timeouts_.connect) + Clock::now();
    auto socket = net::connectTo(host, std::min(until, question.deadline), stop_);
    if (!socket) return socket.error();
    {
        const std::lock_guard lock{mutex_};
        if (stopping_) return failure("stopped");
        // Who gives up later finds the socket.
        if (Clock::now() >= question.deadline) return failure("timed out");
        socket_ = net::Fd{::fcntl(socket.value().impl()->sockfd(), F_DUPFD_CLOEXEC, 0)};
    }
    Result<Channels> channels = failure("");
    try {
        channels = exchange(host, target, socket.value());
    } catch (...) {
        channels = failure(net::exceptionText());
    }
    const std::lock_guard lock{mutex_};
    socket_ = net::Fd{};
    return channels;
}

/// Throws what Poco throws.
Result<Channels> ChannelFinder::exchange(const options::HostAndPort& host, const std::string& target,
                                         const StreamSocket& connected) const {
    StreamSocket socket{connected};
    socket.setBlocking(true);
    const Poco::Timespan timeout{std::chrono::ceil<std::chrono::microseconds>(timeouts_.request).count()};
    socket.setSendTimeout(timeout);
    socket.setReceiveTimeout(timeout);
    Poco::Net::HTTPClientSession session{socket};
    HTTPRequest request{HTTPRequest::HTTP_GET, target, HTTPRequest::HTTP_1_1};
    request.set("Host", hostHeader(host));
    request.set("Accept", "application/vnd.nsq; version=1.0");
    session.sendRequest(request);
    HTTPResponse response;
    response.setFieldLimit(kMostFields);
    std::istream& body = session.receiveResponse(response);
    if (response.getStatus() != HTTPResponse::HTTP_OK)
        return failure(fmt::format("got response {}", static_cast<int>(response.getStatus())));
    const auto text = readAll(body);
    return text ? parseChannels(text.value()) : text.error();
}

}  // namespace nsq::cluster
