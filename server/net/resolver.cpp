#include "net/resolver.h"

#include <ares.h>
#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <array>
#include <memory>

namespace nsq::net {

using Poco::Net::SocketAddress;
using sdk::Error;
using sdk::ErrorCode;
using sdk::Result;

namespace {

/// What is lost on the way to a name server is sent again after this time, and how often (chosen, to come
/// before the time for a connection is over).
constexpr int kRetryAfterMs = 300;
constexpr int kTries = 3;

constexpr std::string_view kTimedOut = "timed out";

using Channel = std::unique_ptr<ares_channeldata, decltype(&ares_destroy)>;

Error failure(const options::HostAndPort& host, std::string_view why) {
    return {ErrorCode::kInvalid, fmt::format("lookup {}: {}", host.host, why)};
}

struct Answer {
    bool isThere = false;
    int status = ARES_SUCCESS;
    std::vector<SocketAddress> addresses;
};

void onAnswer(void* to, int status, int, ares_addrinfo* info) {
    Answer& answer = *static_cast<Answer*>(to);
    answer.isThere = true;
    answer.status = status;
    if (info == nullptr) return;
    for (const ares_addrinfo_node* node = info->nodes; node != nullptr; node = node->ai_next) {
        answer.addresses.emplace_back(node->ai_addr, static_cast<poco_socklen_t>(node->ai_addrlen));
    }
    ares_freeaddrinfo(info);
}

Channel makeChannel() {
    ares_options options{};
    options.timeout = kRetryAfterMs;
    options.tries = kTries;
    ares_channel channel = nullptr;
    if (ares_init_options(&channel, &options, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES) != ARES_SUCCESS)
        channel = nullptr;
    return {channel, &ares_destroy};
}

/// The sockets it wants to be told of.
std::vector<pollfd> socketsOf(const Channel& channel) {
    std::array<ares_socket_t, ARES_GETSOCK_MAXNUM> sockets{};
    const auto wanted = static_cast<unsigned>(ares_getsock(channel.get(), sockets.data(), sockets.size()));
    std::vector<pollfd> fds;
    for (unsigned i = 0; i < sockets.size(); ++i) {
        short events = 0;
        if (ARES_GETSOCK_READABLE(wanted, i)) events |= POLLIN;
        if (ARES_GETSOCK_WRITABLE(wanted, i)) events |= POLLOUT;
        if (events != 0) fds.push_back({sockets[i], events, 0});
    }
    return fds;
}

/// One wait for the name servers. False: interrupted.
bool step(const Channel& channel, Clock::time_point deadline, const Interrupt& interrupt) {
    std::vector<pollfd> fds = socketsOf(channel);
    timeval retry{};
    Clock::time_point until = deadline;
    if (ares_timeout(channel.get(), nullptr, &retry) != nullptr) {
        until = std::min(deadline, Clock::now() + std::chrono::seconds{retry.tv_sec} +
                                       std::chrono::microseconds{retry.tv_usec});
    }
    const Interrupt::Waited waited = interrupt.wait(fds, until);
    if (waited == Interrupt::Waited::kInterrupted) return false;
    if (waited == Interrupt::Waited::kTimeout)
        ares_process_fd(channel.get(), ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    for (const pollfd& fd : fds) {
        const bool failed = (fd.revents & (POLLERR | POLLHUP | POLLNVAL)) != 0;
        const bool readable = failed || (fd.revents & POLLIN) != 0;
        const bool writable = (fd.revents & POLLOUT) != 0;
        ares_process_fd(channel.get(), readable ? fd.fd : ARES_SOCKET_BAD,
                        writable ? fd.fd : ARES_SOCKET_BAD);
    }
    return true;
}

}  // namespace

Result<std::vector<SocketAddress>> resolve(const options::HostAndPort& host, Clock::time_point deadline,
                                           const Interrupt& interrupt) {
    Poco::Net::IPAddress address;
    if (Poco::Net::IPAddress::tryParse(host.host.empty() ? "127.0.0.1" : host.host, address))
        return std::vector{SocketAddress{address, host.port}};
    Answer answer;  // the channel, which is destroyed before it, may write to it until then
    const Channel channel = makeChannel();
    if (!channel) return failure(host, "cannot be done now");
    ares_addrinfo_hints hints{};
    hints.ai_flags = ARES_AI_NUMERICSERV;
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    ares_getaddrinfo(channel.get(), host.host.c_str(), std::to_string(host.port).c_str(), &hints, onAnswer,
                     &answer);
    while (!answer.isThere) {
        if (!step(channel, deadline, interrupt)) return failure(host, "stopped");
        if (Clock::now() >= deadline && !answer.isThere) return failure(host, kTimedOut);
    }
    // The name server's time can be over before ours is: the same words for both.
    if (answer.status == ARES_ETIMEOUT) return failure(host, kTimedOut);
    if (answer.status != ARES_SUCCESS) return failure(host, ares_strerror(answer.status));
    if (answer.addresses.empty()) return failure(host, "has no address");
    return answer.addresses;
}

}  // namespace nsq::net
