#pragma once

#include <Poco/Net/ServerSocket.h>
#include <spdlog/logger.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <vector>

#include "http/access.h"
#include "http/body_budget.h"
#include "http/http_opener.h"
#include "http/router.h"
#include "http/worker_pool.h"
#include "net/listener.h"
#include "net/loop_group.h"

namespace nsq::http {

struct HttpServerSettings {
    /// Threads that run handlers (chosen): many more than cores, as most of them wait for the disk.
    int workers = 16;

    /// Whole requests that may wait for a worker (chosen); beyond that the answer is 503.
    std::size_t queueLimit = 1024;

    /// What the bodies of all requests may take together, in bytes (chosen); a body that does not fit is
    /// answered with 503.
    std::size_t bodyBytes = 256 * 1024 * 1024;

    /// Its token outlives the server.
    Access access{};
};

/// Where clients come in.
struct HttpEntrance {
    Poco::Net::ServerSocket socket;  ///< bound
    net::Transport transport = net::Transport::kPlain;

    /// What every request here is answered; null: what it asks for.
    std::shared_ptr<const sdk::HttpResponse> refusal{};
};

/// HTTP and HTTPS on listening sockets. Connections live on the event loops, so an idle or slow client holds
/// no thread; only whole requests come to the workers, of which there are few. THREAD: main.
///
/// Poco's own HTTPServer keeps a thread for each connection and takes no other connection factory, so its
/// acceptor is a net::Listener, as for the protocols.
class HttpServer {
public:
    /// What is referred to outlives the server; `router` does not change any more.
    HttpServer(const std::vector<HttpEntrance>& entrances, net::LoopGroup& loops, const Router& router,
               spdlog::logger& logger, const HttpServerSettings& settings = {});

    /// Stops, if that was not done. To be destroyed when the loops have stopped.
    ~HttpServer();

    /// Starts workers and accepts connections. Once only. The loops run already.
    void start();

    /// Returns when no further connection will be accepted.
    void stopAccepting();

    /// Stops accepting; requests that are not whole by now get 503.
    void beginStop();

    /// beginStop(), and answers the requests that were whole before; their responses have been given to the
    /// loops when this returns. False when no handler has returned for `limit`, counted from beginStop() on:
    /// the log tells whose one is, and the server must stay until the process ends.
    bool stop(std::chrono::milliseconds limit = faults::kForever);

private:
    struct Entrance {
        Entrance(const HttpEntrance& entrance, const HttpService& service, net::LoopGroup& loops);

        HttpOpener opener;
        net::Listener listener;
    };

    spdlog::logger& logger_;
    BodyBudget bodies_;  ///< first: requests give back to it until the others are gone
    WorkerPool workers_;
    std::list<Entrance> entrances_;
};

}  // namespace nsq::http
