#include "net/listener.h"

#include <Poco/Net/TCPServerConnectionFactory.h>
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <system_error>
#include <utility>

#include "faults/exception_text.h"
#include "net/blocked_signals.h"

namespace nsq::net {

using namespace std::chrono_literals;

namespace {

/// Connections the kernel keeps until they are accepted; it takes less if its own limit is lower (chosen).
constexpr int kBacklog = 8192;

/// How long to wait before accepting again when descriptors or memory have run out (chosen).
constexpr auto kResourcePause = 100ms;

/// A shortage is told once, and over when there was none for so long (chosen).
constexpr auto kShortageEnds = 10s;

/// Descriptors that connections leave to the rest of the server (chosen): a flood of clients must not keep
/// topics from being stored.
constexpr rlim_t kSpareDescriptors = 100;

/// How long a connection that is refused may take to send the magic (chosen): it holds a descriptor
/// meanwhile.
constexpr auto kRefusalPatience = 1s;

/// Of few descriptors in all, connections leave a part only.
constexpr rlim_t kSparePart = 8;

/// Poco asks for a factory of its threads' connections; this server has none.
class NoThreadConnections final : public Poco::Net::TCPServerConnectionFactory {
public:
    Poco::Net::TCPServerConnection* createConnection(const Poco::Net::StreamSocket&) override {
        return nullptr;
    }
};

void setTcpOptions(int socket) {
    const int on = 1;
    // Notices a client whose machine is gone, as nsqd does: probes after every 15 s of silence.
    const int probeSeconds = 15;
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ::setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    ::setsockopt(socket, IPPROTO_TCP, TCP_KEEPIDLE, &probeSeconds, sizeof probeSeconds);
    ::setsockopt(socket, IPPROTO_TCP, TCP_KEEPINTVL, &probeSeconds, sizeof probeSeconds);
}

/// As Go shows it: the path that the client's socket is bound to, `@` when it is to none, `@name` when it is
/// to an abstract name.
std::string unixAddress(const sockaddr_storage& peer, socklen_t size) {
    sockaddr_un address;
    std::memcpy(&address, &peer, sizeof address);
    constexpr std::size_t kBeforePath = offsetof(sockaddr_un, sun_path);
    std::string_view path{address.sun_path, std::min<std::size_t>(size, sizeof address) - kBeforePath};
    if (path.empty()) return "@";
    if (path.front() == '\0') return '@' + std::string{path.substr(1)};
    return std::string{path.substr(0, path.find('\0'))};
}

std::string hostAndPort(const sockaddr_storage& peer) {
    char host[INET6_ADDRSTRLEN] = {};
    if (peer.ss_family == AF_INET) {
        sockaddr_in v4;
        std::memcpy(&v4, &peer, sizeof v4);
        ::inet_ntop(AF_INET, &v4.sin_addr, host, sizeof host);
        return std::string{host} + ':' + std::to_string(ntohs(v4.sin_port));
    }
    sockaddr_in6 v6;
    std::memcpy(&v6, &peer, sizeof v6);
    const std::string port = std::to_string(ntohs(v6.sin6_port));
    if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
        ::inet_ntop(AF_INET, &v6.sin6_addr.s6_addr[12], host, sizeof host);
        return std::string{host} + ':' + port;
    }
    ::inet_ntop(AF_INET6, &v6.sin6_addr, host, sizeof host);
    return '[' + std::string{host} + "]:" + port;
}

}  // namespace

Listener::Listener(const Poco::Net::ServerSocket& socket, LoopGroup& loops, SessionOpener& opener,
                   ConnectionKind kind, spdlog::logger& logger, std::chrono::milliseconds firstBytesTimeout,
                   ConnectionLimit* limit, Transport transport)
    : TCPServer(new NoThreadConnections, socket),
      loops_(loops),
      opener_(opener),
      kind_(kind),
      transport_(transport),
      logger_(logger),
      firstBytesTimeout_(firstBytesTimeout),
      limit_(limit),
      refusing_("E_TOO_MANY_CONNECTIONS the server has as many connections as it allows", opener.errorForm()),
      isUnix_(socket.address().family() == Poco::Net::AddressFamily::UNIX_LOCAL),
      descriptors_(connectionsPossible()),
      stop_(::eventfd(0, EFD_CLOEXEC)) {
    if (stop_.get() < 0) throw std::system_error(errno, std::generic_category(), "cannot make a listener");
}

/// The kernel gives the lowest descriptor that is free: from here on one is not for a connection.
int Listener::connectionsPossible() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > INT_MAX) return INT_MAX;
    return static_cast<int>(limit.rlim_cur - std::min(limit.rlim_cur / kSparePart, kSpareDescriptors));
}

Listener::~Listener() {
    stop();
}

void Listener::start() {
    Poco::Net::ServerSocket socket = TCPServer::socket();
    socket.listen(kBacklog);
    // A client may give up between poll and accept, which would then block.
    socket.setBlocking(false);
    const BlockedSignals blocked;
    TCPServer::start();
}

void Listener::stop() {
    const std::uint64_t one = 1;
    static_cast<void>(!::write(stop_.get(), &one, sizeof one));
    TCPServer::stop();
    Poco::Net::ServerSocket{TCPServer::socket()}.close();
}

void Listener::run() {
    pollfd watched[2] = {{socket().impl()->sockfd(), POLLIN, 0}, {stop_.get(), POLLIN, 0}};
    while (::poll(watched, 2, -1) >= 0 || errno == EINTR) {
        Next next = Next::kAccept;
        while (next == Next::kAccept) {
            if (stopsWithin(0ms)) return;
            next = acceptOne();
        }
        if (next == Next::kWaitForResources && stopsWithin(kResourcePause)) return;
    }
    logger_.critical("cannot accept connections any more: {}", std::generic_category().message(errno));
}

bool Listener::stopsWithin(std::chrono::milliseconds limit) const {
    pollfd watched{stop_.get(), POLLIN, 0};
    return ::poll(&watched, 1, static_cast<int>(limit.count())) > 0;
}

Listener::Next Listener::acceptOne() {
    if (lastSocket_ >= descriptors_ && !hasDescriptor()) return afterFailure(EMFILE);
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    Fd socket{::accept4(TCPServer::socket().impl()->sockfd(), reinterpret_cast<sockaddr*>(&peer), &size,
                        SOCK_NONBLOCK | SOCK_CLOEXEC)};
    if (socket.get() < 0) return afterFailure(errno);
    lastSocket_ = socket.get();
    if (!isUnix_) setTcpOptions(socket.get());
    handOver(std::move(socket), isUnix_ ? unixAddress(peer, size) : hostAndPort(peer));
    return lastSocket_ < descriptors_ ? Next::kAccept : Next::kWaitForMore;
}

bool Listener::hasDescriptor() const {
    const Fd lowest{::fcntl(stop_.get(), F_DUPFD_CLOEXEC, 0)};
    return lowest.get() >= 0 && lowest.get() < descriptors_;
}

Listener::Next Listener::afterFailure(int error) {
    switch (error) {
        case EAGAIN:
            return Next::kWaitForMore;
        case EINTR:
        case ECONNABORTED:
            return Next::kAccept;
        default: {
            // Out of descriptors or memory, mostly: clients wait in the backlog until some are free.
            const auto now = sdk::Clock::now();
            if (std::exchange(shortUntil_, now + kShortageEnds) <= now) {
                logger_.error("cannot accept a connection, trying again every {} ms: {}",
                              std::chrono::milliseconds{kResourcePause}.count(),
                              std::generic_category().message(error));
            }
            return Next::kWaitForResources;
        }
    }
}

void Listener::handOver(Fd socket, std::string remoteAddress) {
    try {
        ConnectionPlace place = limit_ == nullptr ? ConnectionPlace{} : limit_->admit(sdk::Clock::now());
        const bool isServed = limit_ == nullptr || place;
        loops_.next().add({std::move(socket), std::move(remoteAddress), isServed ? opener_ : refusing_, kind_,
                           transport_, isServed ? firstBytesTimeout_ : kRefusalPatience, std::move(place),
                           isUnix_});
    } catch (...) {
        // Out of memory: this connection is closed, the next may fare better.
        logger_.error("cannot serve a connection: {}", faults::exceptionText());
    }
}

}  // namespace nsq::net
