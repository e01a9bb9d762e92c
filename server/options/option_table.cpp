#include "options/option_table.h"

#include <algorithm>
#include <array>
#include <iterator>

#include "options/assign.h"

namespace nsq::options {

namespace {

constexpr std::int64_t kMillisecond = 1'000'000;  // in nanoseconds
constexpr std::int64_t kLargestSize =
    std::numeric_limits<std::int32_t>::max();  // sizes are int32 on the wire
constexpr std::int64_t kLargest = std::numeric_limits<std::int64_t>::max();

constexpr Range kSize{1, kLargestSize};
constexpr Range kThreads{1, 1024};
constexpr Range kPort{0, 65535};
constexpr std::int64_t kLargestUdp = 65507;  // what a UDP packet can hold over IPv4
// A quarter of what 64 bits hold: a deadline, now plus a duration, fits as well.
constexpr std::int64_t kLongest = kLargest / 4;
constexpr Range kPositiveTime{kMillisecond, kLongest};
constexpr Range kTime{0, kLongest};
constexpr std::string_view kDurabilities[] = {"memory", "crash", "power"};
constexpr std::string_view kClientPolicies[] = {"require", "require-verify"};

using G = Group;
using O = Options;

const OptionSpec kTable[] = {
    {"help", "", G::kGeneral, &O::help, "print this text and exit", {}, {}},
    {"version",
     "",
     G::kGeneral,
     &O::version,
     "print the version and exit; with --verbose the plugins too",
     {},
     {}},
    {"config", "", G::kGeneral, &O::config, "path of a TOML configuration file; flags win over it", {}, {}},
    {"daemon", "daemon", G::kGeneral, &O::daemon, "run in the background; needs --log-file", {}, {}},
    {"pidfile",
     "pidfile",
     G::kGeneral,
     &O::pidfile,
     "file to write the process id to; removed at the end",
     {},
     {}},
    {"print-addresses",
     "",
     G::kGeneral,
     &O::printAddresses,
     "when started, print on standard output where it listens and how to publish",
     {},
     {}},
    {"node-id",
     "id",
     G::kGeneral,
     &O::nodeId,
     "this node's part of the message ids; unique among nodes",
     "from the host name",
     {0, 1023}},

    {"log-level",
     "log_level",
     G::kLogging,
     &O::logLevel,
     "debug, info, warn, error or fatal",
     {},
     {},
     /*runtime=*/true},
    {"log-prefix", "log_prefix", G::kLogging, &O::logPrefix, "begins every line of the log", {}, {}},
    {"log-file", "log_file", G::kLogging, &O::logFile, "file the log is appended to", "standard error", {}},

    {"tcp-address",
     "tcp_address",
     G::kNetwork,
     &O::tcpAddress,
     "where to listen for TCP clients: host:port, or the path of a unix socket",
     {},
     {},
     false,
     true},
    {"http-address",
     "http_address",
     G::kNetwork,
     &O::httpAddress,
     "where to listen for HTTP clients: host:port, or the path of a unix socket; empty for no HTTP",
     {},
     {},
     /*runtime=*/false,
     /*isAddress=*/true,
     /*canBeEmpty=*/true},
    {.flag = "https-address",
     .key = "https_address",
     .group = G::kNetwork,
     .field = &O::httpsAddress,
     .help = "where to listen for HTTPS clients, if there is --tls-cert: host:port, or the path of a unix "
             "socket; empty for no HTTPS",
     .defaultNote = {},
     .range = {},
     .isAddress = true,
     .canBeEmpty = true},
    {.flag = "http-readonly-address",
     .key = "http_readonly_address",
     .group = G::kNetwork,
     .field = &O::httpReadonlyAddress,
     .help =
         "a second address for HTTP clients, where every request but GET and HEAD (and OPTIONS) is refused: "
         "host:port, or the path of a unix socket; empty for none",
     .defaultNote = {},
     .range = {},
     .isAddress = true,
     .canBeEmpty = true},
    {.flag = "http-auth-token",
     .key = "http_auth_token",
     .group = G::kNetwork,
     .field = &O::httpAuthToken,
     .help = "HTTP requests other than GET, HEAD and OPTIONS need the header Authorization: Bearer with this "
             "token; on the command line other users of the machine can see it; /config does not show it",
     .defaultNote = {},
     .range = {},
     .isSecret = true},
    {.flag = "http-auth-token-file",
     .key = "http_auth_token_file",
     .group = G::kNetwork,
     .field = &O::httpAuthTokenFile,
     .help =
         "the same, with the token in this file; a new token, best renamed into place, is in force within a "
         "second or two",
     .defaultNote = {},
     .range = {}},
    {"broadcast-address",
     "broadcast_address",
     G::kNetwork,
     &O::broadcastAddress,
     "the address this server tells others it has",
     "the host name",
     {}},
    {"broadcast-tcp-port", "broadcast_tcp_port", G::kNetwork, &O::broadcastTcpPort,
     "the TCP port this server tells others it has", "the one it listens on", kPort},
    {"broadcast-http-port", "broadcast_http_port", G::kNetwork, &O::broadcastHttpPort,
     "the HTTP port this server tells others it has", "the one it listens on", kPort},
    {.flag = "lookupd-tcp-address",
     .key = "nsqlookupd_tcp_addresses",
     .group = G::kNetwork,
     .field = &O::lookupdTcpAddresses,
     .help = "host:port of an nsqlookupd to register with",
     .defaultNote = {},
     .range = {},
     .runtime = true,
     .isAddress = true},
    {"auth-http-address",
     "auth_http_addresses",
     G::kNetwork,
     &O::authHttpAddresses,
     "auth server to ask what a client may do, which then has to AUTH: host:port, or an http or https URL",
     {},
     {}},
    {"http-client-connect-timeout",
     "http_client_connect_timeout",
     G::kNetwork,
     &O::httpClientConnectTimeout,
     "timeout of connecting to nsqlookupd or an auth server over HTTP",
     {},
     kPositiveTime},
    {"http-client-request-timeout",
     "http_client_request_timeout",
     G::kNetwork,
     &O::httpClientRequestTimeout,
     "timeout of a request to nsqlookupd or an auth server over HTTP",
     {},
     kPositiveTime},
    {"io-threads", "io_threads", G::kNetwork, &O::ioThreads, "event loops, which serve all connections",
     "one per core", kThreads},
    {"http-threads",
     "http_threads",
     G::kNetwork,
     &O::httpThreads,
     "threads that answer HTTP requests, for each address",
     {},
     kThreads},
    {"max-connections",
     "max_connections",
     G::kNetwork,
     &O::maxConnections,
     "most connections to --tcp-address; further ones get the error E_TOO_MANY_CONNECTIONS; HTTP's do not "
     "count; 0 for no limit",
     {},
     {0, kLargestSize}},

    {"tls-cert",
     "tls_cert",
     G::kTls,
     &O::tlsCert,
     "the server's certificate, and those of its issuers behind it, in PEM; read again on SIGHUP",
     {},
     {}},
    {"tls-key",
     "tls_key",
     G::kTls,
     &O::tlsKey,
     "the key of --tls-cert, in PEM, without a passphrase",
     {},
     {}},
    {"tls-root-ca-file",
     "tls_root_ca_file",
     G::kTls,
     &O::tlsRootCaFile,
     "certificates that vouch for clients, in PEM",
     "those of the system",
     {}},
    {.flag = "tls-client-auth-policy",
     .key = "tls_client_auth_policy",
     .group = G::kTls,
     .field = &O::tlsClientAuthPolicy,
     .help = "what certificate a client needs: require (any) or require-verify (one that --tls-root-ca-file "
             "vouches for); implies --tls-required",
     .defaultNote = {},
     .range = {},
     .canBeEmpty = true,
     .choices = kClientPolicies},
    {"tls-required",
     "tls_required",
     G::kTls,
     &O::tlsRequired,
     "who must use TLS: true (all clients), tcp-https (all but those of HTTP) or false",
     {},
     {}},
    {"tls-min-version",
     "tls_min_version",
     G::kTls,
     &O::tlsMinVersion,
     "least version of TLS: tls1.0, tls1.1, tls1.2 or tls1.3; below tls1.2 OpenSSL's security level is 0",
     {},
     {}},

    {"data-path",
     "data_path",
     G::kStorage,
     &O::dataPath,
     "directory the server keeps its data in; must exist",
     "the working directory",
     {}},
    {.flag = "export-diskqueue",
     .key = "",
     .group = G::kStorage,
     .field = &O::exportDiskqueue,
     .help =
         "do not serve: write all that is in --data-path, which no server may be using, as a stock nsqd's "
         "data directory into this one, new or empty, and exit; deferred messages come at once there",
     .defaultNote = {},
     .range = {},
     .needsText = true},
    {"mem-queue-size",
     "mem_queue_size",
     G::kStorage,
     &O::memQueueSize,
     "messages of a topic kept in memory, the newest ones; all that an #ephemeral topic or channel holds",
     {},
     {0, kLargest}},
    {"max-bytes-per-file",
     "max_bytes_per_file",
     G::kStorage,
     &O::maxBytesPerFile,
     "size at which a topic's next file is begun, in bytes",
     {},
     {1, kLargest}},
    {"durability",
     "durability",
     G::kStorage,
     &O::durability,
     "when a publish is answered: memory (at once; what is in memory is lost with the process), crash (the "
     "kernel "
     "has it) or power (the disk has it)",
     {},
     {},
     false,
     false,
     false,
     kDurabilities},
    {"sync-every",
     "sync_every",
     G::kStorage,
     &O::syncEvery,
     "messages of a topic that may be unsynced before it is synced, behind the answers",
     {},
     {1, kLargest}},
    {"sync-timeout",
     "sync_timeout",
     G::kStorage,
     &O::syncTimeout,
     "how long a message may be unsynced before its topic is synced, behind the answers",
     {},
     kPositiveTime},

    {"msg-timeout",
     "msg_timeout",
     G::kMessages,
     &O::msgTimeout,
     "how long a client may hold a message, unless it asks otherwise, before it is delivered again",
     {},
     kPositiveTime},
    {"max-msg-timeout",
     "max_msg_timeout",
     G::kMessages,
     &O::maxMsgTimeout,
     "how long a client may hold a message at most",
     {},
     kPositiveTime},
    {"max-req-timeout",
     "max_req_timeout",
     G::kMessages,
     &O::maxReqTimeout,
     "longest delay of a requeued or deferred message",
     {},
     kTime},
    {"max-msg-size", "max_msg_size", G::kMessages, &O::maxMsgSize, "largest message, in bytes", {}, kSize},
    {"max-body-size",
     "max_body_size",
     G::kMessages,
     &O::maxBodySize,
     "largest body of one command, in bytes",
     {},
     kSize},

    {"max-heartbeat-interval",
     "max_heartbeat_interval",
     G::kClients,
     &O::maxHeartbeatInterval,
     "longest time between heartbeats a client may ask for",
     {},
     kPositiveTime},
    {"max-rdy-count",
     "max_rdy_count",
     G::kClients,
     &O::maxRdyCount,
     "largest RDY count of a client",
     {},
     kSize},
    {"max-output-buffer-size",
     "max_output_buffer_size",
     G::kClients,
     &O::maxOutputBufferSize,
     "largest output buffer a client may ask for, in bytes",
     {},
     {64, kLargestSize}},
    {"max-output-buffer-timeout",
     "max_output_buffer_timeout",
     G::kClients,
     &O::maxOutputBufferTimeout,
     "longest time output may be held back that a client may ask for",
     {},
     kPositiveTime},
    {"min-output-buffer-timeout",
     "min_output_buffer_timeout",
     G::kClients,
     &O::minOutputBufferTimeout,
     "shortest time output may be held back that a client may ask for",
     {},
     kTime},
    {"output-buffer-timeout",
     "output_buffer_timeout",
     G::kClients,
     &O::outputBufferTimeout,
     "how long output may be held back, unless the client asks otherwise",
     {},
     kTime},
    {"max-channel-consumers",
     "max_channel_consumers",
     G::kClients,
     &O::maxChannelConsumers,
     "most consumers of one channel; 0 for no limit",
     {},
     {0, kLargestSize}},

    {"deflate", "deflate", G::kClients, &O::deflate, "a client may ask for deflate", {}, {}},
    {"max-deflate-level",
     "max_deflate_level",
     G::kClients,
     &O::maxDeflateLevel,
     "highest level of deflate, which costs processor time, that a client may ask for",
     {},
     {1, 9}},
    {"snappy", "snappy", G::kClients, &O::snappy, "a client may ask for snappy", {}, {}},
    {"e2e-processing-latency-percentile",
     "e2e_processing_latency_percentiles",
     G::kStatistics,
     &O::latencyPercentiles,
     "part of the messages, more than 0 and at most 1, for which to tell the time from publishing to FIN; "
     "many with commas, as in 1.0,0.99,0.95",
     {},
     {}},
    {"e2e-processing-latency-window-time",
     "e2e_processing_latency_window_time",
     G::kStatistics,
     &O::latencyWindow,
     "how far back these times go",
     {},
     kPositiveTime},
    {.flag = "statsd-address",
     .key = "statsd_address",
     .group = G::kStatistics,
     .field = &O::statsdAddress,
     .help = "host:port of a statsd daemon to send statistics to, over UDP",
     .defaultNote = {},
     .range = {},
     .isRemote = true},
    {"statsd-interval",
     "statsd_interval",
     G::kStatistics,
     &O::statsdInterval,
     "time between statistics sent to statsd; the packets are spread over it",
     {},
     kPositiveTime},
    {"statsd-mem-stats",
     "statsd_mem_stats",
     G::kStatistics,
     &O::statsdMemStats,
     "send memory statistics to statsd as well",
     {},
     {}},
    {"statsd-prefix",
     "statsd_prefix",
     G::kStatistics,
     &O::statsdPrefix,
     "begins all names sent to statsd; %s becomes the broadcast address and HTTP port",
     {},
     {}},
    {"statsd-udp-packet-size",
     "statsd_udp_packet_size",
     G::kStatistics,
     &O::statsdUdpPacketSize,
     "size up to which lines are put into one packet to statsd, in bytes",
     {},
     {1, kLargestUdp}},
    {"statsd-exclude-ephemeral",
     "statsd_exclude_ephemeral",
     G::kStatistics,
     &O::statsdExcludeEphemeral,
     "leave out #ephemeral topics and channels in what is sent to statsd",
     {},
     {}},

    {"inactive-producer-timeout",
     "inactive_producer_timeout",
     G::kLookup,
     &O::inactiveProducerTimeout,
     "the plugin lookupd leaves out an nsqd that it has not heard of for so long",
     {},
     kTime},
    {"tombstone-lifetime",
     "tombstone_lifetime",
     G::kLookup,
     &O::tombstoneLifetime,
     "how long the plugin lookupd leaves out a tombstoned producer of a topic",
     {},
     kTime},

    {"http-api",
     "http_api",
     G::kPlugins,
     &O::httpApi,
     "load the plugin http_api, which is nsqd's HTTP API",
     {},
     {}},
    {"plugin",
     "plugins",
     G::kPlugins,
     &O::plugins,
     "plugin to load: a name in the plugin directory, or a path; its settings are [plugin.NAME] in the file",
     {},
     {}},
    {"plugin-dir",
     "plugin_dir",
     G::kPlugins,
     &O::pluginDir,
     "directory where plugins are looked for first",
     "that of the installation",
     {}},
    {"plugin-timeout",
     "plugin_timeout",
     G::kPlugins,
     &O::pluginTimeout,
     "how long each plugin may take to start and to stop, and its code to return when the server stops: "
     "longer "
     "fails the start, or is left behind with exit code 1 when all is saved",
     {},
     kPositiveTime},

    {"verbose", "verbose", G::kIgnored, &O::verbose, "has an effect with --version only", {}, {}},
    {"worker-id", "worker_id", G::kIgnored, &O::workerId, "no effect; use --node-id", {}, {}},
    {"queue-scan-worker-pool-max",
     "queue_scan_worker_pool_max",
     G::kIgnored,
     &O::queueScanWorkerPoolMax,
     "no effect: deadlines are exact, nothing is sampled",
     {},
     {}},
    {"queue-scan-selection-count",
     "queue_scan_selection_count",
     G::kIgnored,
     &O::queueScanSelectionCount,
     "no effect: deadlines are exact, nothing is sampled",
     {},
     {}},
};

/// What nsqlookupd has of them: it keeps no messages and is no client of others.
constexpr std::string_view kNsqlookupdFlags[] = {"help",
                                                 "version",
                                                 "config",
                                                 "daemon",
                                                 "pidfile",
                                                 "print-addresses",
                                                 "log-level",
                                                 "log-prefix",
                                                 "log-file",
                                                 "tcp-address",
                                                 "http-address",
                                                 "https-address",
                                                 "http-readonly-address",
                                                 "http-auth-token",
                                                 "http-auth-token-file",
                                                 "broadcast-address",
                                                 "io-threads",
                                                 "http-threads",
                                                 "max-connections",
                                                 "tls-cert",
                                                 "tls-key",
                                                 "tls-root-ca-file",
                                                 "tls-client-auth-policy",
                                                 "tls-required",
                                                 "tls-min-version",
                                                 "inactive-producer-timeout",
                                                 "tombstone-lifetime",
                                                 "plugin",
                                                 "plugin-dir",
                                                 "plugin-timeout",
                                                 "verbose"};

std::vector<OptionSpec> nsqlookupdTable() {
    std::vector<OptionSpec> table;
    std::ranges::copy_if(kTable, std::back_inserter(table), [](const OptionSpec& spec) {
        return std::ranges::find(kNsqlookupdFlags, spec.flag) != std::end(kNsqlookupdFlags);
    });
    return table;
}

const OptionSpec* find(Program program, std::string_view OptionSpec::*name, std::string_view text) {
    const std::span<const OptionSpec> table = optionTable(program);
    const auto spec = std::ranges::find(table, text, name);
    return spec == table.end() ? nullptr : &*spec;
}

}  // namespace

std::span<const OptionSpec> optionTable(Program program) {
    static const std::vector<OptionSpec> kNsqlookupdTable = nsqlookupdTable();
    if (program == Program::kNsqd) return kTable;
    return kNsqlookupdTable;
}

const OptionSpec* findFlag(Program program, std::string_view flag) {
    return find(program, &OptionSpec::flag, flag);
}

const OptionSpec* findKey(Program program, std::string_view key) {
    return key.empty() ? nullptr : find(program, &OptionSpec::key, key);
}

bool isBool(const OptionSpec& spec) {
    return std::holds_alternative<bool Options::*>(spec.field);
}

bool isSwitch(const OptionSpec& spec) {
    return isBool(spec) || std::holds_alternative<TlsRequired Options::*>(spec.field);
}

bool isNumbers(const OptionSpec& spec) {
    return std::holds_alternative<std::vector<double> Options::*>(spec.field);
}

bool isRepeatable(const OptionSpec& spec) {
    return std::holds_alternative<std::vector<std::string> Options::*>(spec.field) || isNumbers(spec);
}

std::string_view groupName(Group group) {
    constexpr std::array<std::string_view, 11> kNames{"General",
                                                      "Logging",
                                                      "Network",
                                                      "TLS",
                                                      "Storage",
                                                      "Messages",
                                                      "Clients",
                                                      "Statistics",
                                                      "Lookup",
                                                      "Plugins",
                                                      "Accepted for stock configurations' sake"};
    return kNames.at(static_cast<std::size_t>(group));
}

std::string_view typeName(const OptionSpec& spec) {
    constexpr std::array<std::string_view, std::variant_size_v<Field>> kNames{
        "", "int", "duration", "string", "level", "string", "float", "string", "string"};
    if (spec.isAddress || spec.isRemote) return "address";
    return kNames.at(spec.field.index());
}

std::string defaultText(Program program, const OptionSpec& spec) {
    return spec.defaultNote.empty() ? showValue(programDefaults(program), spec)
                                    : std::string{spec.defaultNote};
}

}  // namespace nsq::options
