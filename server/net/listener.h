#pragma once

#include <Poco/Net/ServerSocket.h>
#include <Poco/Net/TCPServer.h>
#include <spdlog/logger.h>

#include <chrono>
#include <string>

#include "net/connection_limit.h"
#include "net/fd.h"
#include "net/loop_group.h"
#include "net/refusing_opener.h"
#include "net/session_opener.h"

namespace nsq::net {

/// A TCP or unix socket's acceptor. It is Poco's TCPServer with another run(): Poco's own gives each
/// connection a pool thread and spins when descriptors run out; this one hands the socket to the next event
/// loop and is done. Clients wait in the backlog when only the last descriptors are left, which are for
/// files. THREAD: main.
class Listener final : private Poco::Net::TCPServer {
public:
    using TCPServer::port;

    /// For the first bytes of a protocol's connection (chosen).
    static constexpr std::chrono::milliseconds kFirstBytesTimeout{5000};

    /// `socket` is bound. `loops`, `opener` and `logger` outlive the listener, and `opener` its connections.
    /// A client that has not sent opener.bytesNeeded() bytes after `firstBytesTimeout` is dropped. With
    /// Transport::kTls the loops have a TlsContext.
    /// `limit` says which connections are served; null: all. The others get the error
    /// E_TOO_MANY_CONNECTIONS, in the opener's form. Where there is a limit, it and the listener outlive the
    /// connections.
    /// Throws Poco::Exception or std::system_error when the process has no descriptor or thread left.
    Listener(const Poco::Net::ServerSocket& socket, LoopGroup& loops, SessionOpener& opener,
             ConnectionKind kind, spdlog::logger& logger,
             std::chrono::milliseconds firstBytesTimeout = kFirstBytesTimeout,
             ConnectionLimit* limit = nullptr, Transport transport = Transport::kPlain);

    /// Stops, if that was not done.
    ~Listener() override;

    /// Listens and begins to accept. Once only.
    void start();

    /// How many connections the limit of file descriptors leaves room for, all listeners' together.
    static int connectionsPossible();

    /// Returns when no further connection will be accepted; the socket is closed then. Connections stay.
    void stop();

private:
    enum class Next { kAccept, kWaitForMore, kWaitForResources };

    void run() override;
    Next acceptOne();
    Next afterFailure(int error);
    void handOver(Fd socket, std::string remoteAddress);

    /// A connection would leave the rest of the server its descriptors.
    bool hasDescriptor() const;

    /// True if stop was called, within `limit` or before.
    bool stopsWithin(std::chrono::milliseconds limit) const;

    LoopGroup& loops_;
    SessionOpener& opener_;
    const ConnectionKind kind_;
    const Transport transport_;
    spdlog::logger& logger_;
    const std::chrono::milliseconds firstBytesTimeout_;
    ConnectionLimit* const limit_;
    RefusingOpener refusing_;
    const bool isUnix_;
    const int descriptors_;  ///< connections get lower ones than this
    Fd stop_;                ///< an eventfd, readable once stop was called

    /// THREAD: the acceptor's, for the rest.
    int lastSocket_ = -1;                  ///< the descriptor of the last connection
    sdk::Clock::time_point shortUntil_{};  ///< until then it is known that descriptors or memory have run out
};

}  // namespace nsq::net
