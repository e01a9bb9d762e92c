#include "application/server.h"

#include <Poco/Environment.h>
#include <Poco/Util/MapConfiguration.h>
#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <iterator>

#include "application/broker_config.h"
#include "application/start_error.h"
#include "application/version.h"
#include "logging/logging.h"
#include "nsq/sdk/plugin.h"
#include "options/values.h"
#include "protocol/v2/v2_protocol.h"
#include "stats/statsd_prefix.h"

namespace nsq::app {

namespace {

constexpr sdk::Magic kV2Magic{' ', ' ', 'V', '2'};

/// Where a session that writes and writes is stopped: 64 times what Connection::outputRoom allows at most,
/// and some of the largest messages, as V2 goes beyond it by one and the answers it owes then (chosen).
std::size_t maxOutput(const sdk::Limits& limits) {
    return (std::size_t{16} << 20) + 4 * static_cast<std::size_t>(limits.maxMsgSize);
}

std::chrono::milliseconds toMilliseconds(options::Duration duration) {
    return std::chrono::ceil<std::chrono::milliseconds>(duration);
}

sdk::ServerInfo infoOf(const Launch& launch) {
    const auto broadcast = [](std::int64_t port, int listening) {
        return port == 0 ? std::max(listening, 0) : static_cast<int>(port);
    };
    const options::Options& options = launch.options;
    sdk::ServerInfo info;
    info.program = options::programName(options.program);
    info.version = kNsqVersion;
    info.productVersion = kProductVersion;
    info.hostname = Poco::Environment::nodeName();
    info.broadcastAddress = options.broadcastAddress;
    info.tcpPort = launch.tcp.port();
    info.httpPort = launch.http ? launch.http->port() : -1;
    info.broadcastTcpPort = broadcast(options.broadcastTcpPort, info.tcpPort);
    info.broadcastHttpPort = broadcast(options.broadcastHttpPort, info.httpPort);
    info.startTime = std::chrono::system_clock::now();
    return info;
}

/// The options as /config shows them: with the ports that are really broadcast, and statsd's whole prefix,
/// and without passwords.
options::Options shownOptions(const Launch& launch, const sdk::ServerInfo& info) {
    options::Options options = launch.options;
    options.broadcastTcpPort = info.broadcastTcpPort;
    options.broadcastHttpPort = info.broadcastHttpPort;
    options.statsdPrefix =
        stats::statsdPrefix(options.statsdPrefix, info.broadcastAddress, info.broadcastHttpPort);
    options.authHttpAddresses.clear();
    for (const auth::ServerAddress& server : launch.auth.servers)
        options.authHttpAddresses.push_back(server.shown());
    return options;
}

/// What plain HTTP answers when clients of HTTP must use TLS; null when they need not.
std::shared_ptr<const sdk::HttpResponse> refusalOf(const Launch& launch) {
    if (launch.options.tlsRequired != options::TlsRequired::kAll) return nullptr;
    sdk::HttpResponse refusal;
    refusal.status = 403;
    refusal.contentType = "application/json; charset=utf-8";
    refusal.body = fmt::format(R"({{"message":"TLS_REQUIRED","https_port":{}}})",
                               launch.https ? launch.https->port() : 0);
    refusal.headers.emplace_back("X-NSQ-Content-Type", "nsq; version=1.0");
    return std::make_shared<const sdk::HttpResponse>(std::move(refusal));
}

Poco::AutoPtr<Poco::Util::AbstractConfiguration> settingsOf(const options::Options& options,
                                                            const std::string& plugin) {
    const auto found = options.pluginSettings.find(plugin);
    if (found == options.pluginSettings.end()) return nullptr;
    Poco::AutoPtr<Poco::Util::AbstractConfiguration> settings{new Poco::Util::MapConfiguration};
    for (const auto& [key, value] : found->second) settings->setString(key, value);
    return settings;
}

}  // namespace

Server::Server(std::unique_ptr<Launch> launch)
    : launch_(std::move(launch)),
      logger_(*launch_->logger),
      limits_(options::toLimits(launch_->options)),
      info_(infoOf(*launch_)),
      options_(shownOptions(*launch_, info_),
               [this](const options::Options& changed) {
                   logger_.set_level(logging::toSpdlog(changed.logLevel));
                   if (lookups_) lookups_->setPeers(changed.lookupdTcpAddresses);
               }),
      protocols_(launch_->data ? net::ErrorForm::kFrame : net::ErrorForm::kResponse) {}

Server::~Server() {
    stop();
}

void Server::start() {
    logger_.info("{}", versionLine(launch_->options.program));
    const bool hasBroker = launch_->data.has_value();
    if (hasBroker) {
        logger_.info("ID: {}", launch_->options.nodeId);
        startBroker();
        makeLookups();
    }
    startLoops();
    startAuth();
    makeHost();
    if (hasBroker) {
        addV2();
        // Before plugins start, which may set other ones.
        lookups_->setPeers(launch_->options.lookupdTcpAddresses);
    }
    startPlugins();
    startHttp();
    startTcp();
    if (hasBroker) startStatsd();
}

bool Server::stop() {
    stopServing();
    if (!hanging_) stopParts();
    const bool saved = saveBroker();
    if (hanging_) {
        logger_.critical("NSQ: code does not return: plugins that were not stopped yet are left as they are");
    } else if (launch_->plugins && !launch_->plugins->end()) {
        hanging_ = true;
    }
    if (!hanging_) destroyParts();
    return saved && !hanging_;
}

/// What the broker is still asked by. Only while nothing hangs that may use it.
void Server::stopParts() {
    // Nobody waits for an auth server any more: break off what they are asked.
    if (authorizer_) authorizer_->stop();

    // No session and no request of a plugin is running any more.
    if (launch_->plugins && !launch_->plugins->stop()) {
        hanging_ = true;
        return;
    }

    // Nothing asks the broker any more.
    statsd_.reset();

    // Nothing comes or goes any more: lookupds see the server go.
    if (lookups_) {
        logger_.info("LOOKUP: closing");
        lookups_->stop();
        broker_->setListener(nullptr);
        lookups_.reset();
    }
}

void Server::stopServing() {
    // Stop accepting.
    if (tcp_) {
        logger_.info("TCP: closing {}", launch_->tcp.address());
        tcp_->stop();
    }
    if (http_) {
        if (launch_->http) logger_.info("HTTP: closing {}", launch_->http->address());
        if (launch_->https) logger_.info("HTTPS: closing {}", launch_->https->address());
        http_->stopAccepting();
    }
    if (httpReadonly_) {
        logger_.info("HTTP: closing {} (read-only)", launch_->httpReadonly->address());
        httpReadonly_->stopAccepting();
    }
    if (broker_) broker_->refusePublishes();
    if (lookups_) lookups_->expectEnd();

    // Close the sessions: what they have answered is sent.
    const bool loopsAnswer = loops_ && loops_->closeConnections(net::ConnectionKind::kProtocol);

    // Drain HTTP: whole requests are answered, the answers sent.
    const auto limit = toMilliseconds(launch_->options.pluginTimeout);
    for (auto* http : {http_.get(), httpReadonly_.get()}) {
        if (http != nullptr) http->beginStop();
    }
    for (auto* http : {http_.get(), httpReadonly_.get()}) {
        if (http != nullptr && !http->stop(limit)) hanging_ = true;
    }
    if (hanging_) return;  // the loops may go on: what they send is no more than answers
    if (loopsAnswer) loops_->closeConnections(net::ConnectionKind::kHttp);
    if (loops_ && !loops_->stop(limit)) hanging_ = true;
}

/// False when not everything could be saved.
bool Server::saveBroker() {
    if (!broker_) return true;
    logger_.info("NSQ: saving topics");
    const auto stopped = broker_->stop();
    if (!stopped) logger_.critical("not everything was saved: {}", stopped.error().text);
    return stopped.ok();
}

void Server::destroyParts() {
    tcp_.reset();
    http_.reset();
    httpReadonly_.reset();
    tokenFile_.reset();

    // Unload the plugins last.
    launch_->plugins.reset();
    broker_.reset();
    authorizer_.reset();
    loops_.reset();
}

void Server::reload() {
    if (!launch_->tls) return logger_.info("TLS: there is no certificate to read again");
    if (const auto reloaded = launch_->tls->reload(); !reloaded) {
        return logger_.error("TLS: the certificate before stays in use: {}", reloaded.error().text);
    }
    logger_.info("TLS: the certificate was read again from {}", launch_->options.tlsCert);
}

void Server::startBroker() {
    auto broker = std::make_unique<broker::Broker>(brokerConfig(launch_->options, *launch_->data), logger_);
    orThrow(broker->start(), ExitStatus::kDataPath);
    broker_ = std::move(broker);
}

/// Without peers yet, but from here on it knows of new topics.
void Server::makeLookups() {
    const options::Options& options = launch_->options;
    const cluster::HttpTimeouts timeouts{options.httpClientConnectTimeout, options.httpClientRequestTimeout};
    lookups_ = std::make_unique<cluster::LookupLoop>(*broker_, info_, timeouts, logger_);
    broker_->setListener(lookups_.get());
}

void Server::startLoops() {
    const net::ConnectionSettings settings{.tls = launch_->tls.get(), .maxOutput = maxOutput(limits_)};
    auto loops = std::make_unique<net::LoopGroup>(static_cast<int>(launch_->options.ioThreads), logger_,
                                                  settings, &owners_);
    loops->start();
    loops_ = std::move(loops);
}

void Server::startAuth() {
    auto authorizer = std::make_unique<auth::Authorizer>(launch_->auth);
    orThrow(authorizer->start(), ExitStatus::kBadOption);
    authorizer_ = std::move(authorizer);
}

void Server::makeHost() {
    context_ = std::make_unique<plugin::HostContext>(hostContext());
}

void Server::addV2() {
    v2Host_ = std::make_unique<plugin::HostFacade>(*context_, "V2");
    orThrow(protocols_.add(kV2Magic, std::make_shared<v2::V2Protocol>(*v2Host_), &v2Owner_),
            ExitStatus::kFailed);
}

void Server::startPlugins() {
    orThrow(launch_->plugins->start(*context_), ExitStatus::kFailed);
    for (const auto& plugin : launch_->plugins->list()) logger_.info("PLUGIN: {}", plugin::toLine(plugin));
    for (const auto& [magic, protocol] : protocols_.list()) {
        logger_.info("PROTOCOL: {} for \"{}\"", protocol, std::string_view{magic.data(), magic.size()});
    }
}

void Server::startHttp() {
    const options::Options& options = launch_->options;
    if (!options.httpAuthToken.empty()) token_ = std::make_unique<http::BearerToken>(options.httpAuthToken);
    if (!options.httpAuthTokenFile.empty()) {
        tokenFile_ = std::make_unique<TokenFile>(options.httpAuthTokenFile, *token_, logger_);
    }
    std::vector<http::HttpEntrance> entrances;
    if (launch_->http)
        entrances.push_back({launch_->http->socket(), net::Transport::kPlain, refusalOf(*launch_)});
    if (launch_->https) entrances.push_back({launch_->https->socket(), net::Transport::kTls});
    if (!entrances.empty()) http_ = startedHttp(entrances, false);
    if (launch_->http) logger_.info("HTTP: listening on {}", launch_->http->address());
    if (launch_->https) logger_.info("HTTPS: listening on {}", launch_->https->address());
    if (launch_->httpReadonly) {
        httpReadonly_ = startedHttp(
            {{launch_->httpReadonly->socket(), net::Transport::kPlain, refusalOf(*launch_)}}, true);
        logger_.info("HTTP (read-only): listening on {}", launch_->httpReadonly->address());
    }
}

/// With workers of its own, so that what may wait for the disk on one address keeps nobody waiting on the
/// other.
std::unique_ptr<http::HttpServer> Server::startedHttp(const std::vector<http::HttpEntrance>& entrances,
                                                      bool readOnly) {
    http::HttpServerSettings settings;
    settings.workers = static_cast<int>(launch_->options.httpThreads);
    settings.access = {readOnly, token_.get()};
    auto server = std::make_unique<http::HttpServer>(entrances, *loops_, router_, logger_, settings);
    server->start();
    return server;
}

void Server::startTcp() {
    if (const std::int64_t most = launch_->options.maxConnections; most > 0) {
        connectionLimit_ = std::make_unique<net::ConnectionLimit>(most, logger_);
        if (const int possible = net::Listener::connectionsPossible(); most > possible) {
            logger_.warn("TCP: --max-connections is {}, but the limit of file descriptors leaves room for {}",
                         most, possible);
        }
    }
    auto listener = std::make_unique<net::Listener>(
        launch_->tcp.socket(), *loops_, protocols_, net::ConnectionKind::kProtocol, logger_,
        net::Listener::kFirstBytesTimeout, connectionLimit_.get());
    listener->start();
    tcp_ = std::move(listener);
    logger_.info("TCP: listening on {}", launch_->tcp.address());
}

void Server::startStatsd() {
    const options::Options& options = launch_->options;
    if (options.statsdAddress.empty()) return;
    stats::StatsdSettings settings;
    settings.address = options.statsdAddress;
    settings.interval = options.statsdInterval;
    settings.prefix =
        stats::statsdPrefix(options.statsdPrefix, info_.broadcastAddress, info_.broadcastHttpPort);
    settings.packetSize = static_cast<std::size_t>(options.statsdUdpPacketSize);
    settings.withMemory = options.statsdMemStats;
    settings.excludesEphemeral = options.statsdExcludeEphemeral;
    statsd_ = std::make_unique<stats::StatsdLoop>(std::move(settings), *broker_, logger_);
    logger_.info("STATSD: sending to {} every {}", options.statsdAddress,
                 options::formatDuration(options.statsdInterval));
}

/// V2 first, which is listed like a plugin.
std::vector<sdk::PluginStats> Server::pluginStats() const {
    std::vector<sdk::PluginStats> all{plugin::statsOf(v2Owner_)};
    sdk::PluginStats& v2 = all.front();
    v2.version = kProductVersion;
    v2.sdkMajor = sdk::kSdkMajor;
    v2.sdkMinor = sdk::kSdkMinor;
    v2.kind = sdk::kProtocolPlugin;
    v2.magics.emplace_back(kV2Magic.data(), kV2Magic.size());
    std::ranges::move(launch_->plugins->stats(), std::back_inserter(all));
    return all;
}

plugin::HostContext Server::hostContext() {
    return {
        .logger = logger_,
        .owners = owners_,
        .pluginTimeout = toMilliseconds(launch_->options.pluginTimeout),
        .broker = broker_ ? static_cast<sdk::Broker&>(*broker_) : noBroker_,
        .limits = limits_,
        .info = info_,
        .settings = [this](const std::string& plugin) { return settingsOf(launch_->options, plugin); },
        .option = [this](std::string_view name) { return options_.get(name); },
        .setOption = [this](std::string_view name,
                            std::string_view value) { return options_.set(name, value); },
        .clients = [this] { return loops_->clients(); },
        .plugins = [this] { return pluginStats(); },
        .authorizer = *authorizer_,
        .addProtocol =
            [this](sdk::Magic magic, std::shared_ptr<sdk::Protocol> protocol, faults::CodeOwner& owner) {
                return protocols_.add(magic, std::move(protocol), &owner);
            },
        .addRoute = [this](sdk::HttpRoute route) { return router_.add(std::move(route)); },
        .setFallback = [this](sdk::HttpFallback fallback) { router_.setFallback(std::move(fallback)); },
    };
}

}  // namespace nsq::app
