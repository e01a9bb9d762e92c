#pragma once

#include <memory>

#include "application/launch.h"
#include "application/no_broker.h"
#include "application/token_file.h"
#include "auth/authorizer.h"
#include "broker/broker.h"
#include "cluster/lookup_loop.h"
#include "faults/code_owners.h"
#include "http/bearer_token.h"
#include "http/http_server.h"
#include "http/router.h"
#include "net/connection_limit.h"
#include "net/listener.h"
#include "net/loop_group.h"
#include "net/protocol_registry.h"
#include "nsq/sdk/host.h"
#include "options/runtime_options.h"
#include "plugin/host_context.h"
#include "stats/statsd_loop.h"

namespace nsq::app {

/// The parts of a running server and how they are joined. A program without a data directory has no broker,
/// and what serves one is left out. THREAD: main.
class Server {
public:
    explicit Server(std::unique_ptr<Launch> launch);
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    /// Stops what runs.
    ~Server();

    /// Throws StartError, or any exception; then nothing of it runs any more once the server is destroyed.
    void start();

    /// Stops everything in order, as far as it was started. False when something could not be saved, or when
    /// code of a plugin does not return; the log tells what.
    bool stop();

    /// After stop: threads are left in code that does not return. All is saved, but nothing that they may use
    /// can be destroyed: the process is to end at once.
    bool isHanging() const { return hanging_; }

    /// Reads the files of TLS again, for connections to come. What is wrong with them goes to the log, and
    /// those before stay in use.
    void reload();

private:
    void startBroker();
    void makeLookups();
    void startLoops();
    void startAuth();
    void makeHost();
    void addV2();
    void startPlugins();
    void startHttp();
    std::unique_ptr<http::HttpServer> startedHttp(const std::vector<http::HttpEntrance>& entrances,
                                                  bool readOnly);
    void startTcp();
    void startStatsd();
    void stopServing();
    void stopParts();
    bool saveBroker();
    void destroyParts();
    plugin::HostContext hostContext();
    std::vector<sdk::PluginStats> pluginStats() const;

    faults::CodeOwners owners_;
    faults::CodeOwner& v2Owner_ = owners_.add("V2", {});
    bool hanging_ = false;
    const std::unique_ptr<Launch> launch_;
    spdlog::logger& logger_;
    const sdk::Limits limits_;
    const sdk::ServerInfo info_;
    options::RuntimeOptions options_;

    // What is not null has been started. Later ones use earlier ones.
    std::unique_ptr<net::LoopGroup> loops_;
    NoBroker noBroker_;
    std::unique_ptr<broker::Broker> broker_;        ///< null: this program has none
    std::unique_ptr<cluster::LookupLoop> lookups_;  ///< with a broker only
    std::unique_ptr<auth::Authorizer> authorizer_;
    std::unique_ptr<const plugin::HostContext> context_;
    std::unique_ptr<plugin::HostFacade> v2Host_;
    net::ProtocolRegistry protocols_;
    http::Router router_;
    std::unique_ptr<http::BearerToken> token_;  ///< null: none is needed
    std::unique_ptr<TokenFile> tokenFile_;      ///< null: the token is not in a file
    std::unique_ptr<http::HttpServer> http_;
    std::unique_ptr<http::HttpServer> httpReadonly_;
    std::unique_ptr<net::ConnectionLimit> connectionLimit_;  ///< null: no limit
    std::unique_ptr<net::Listener> tcp_;
    std::unique_ptr<stats::StatsdLoop> statsd_;
};

}  // namespace nsq::app
