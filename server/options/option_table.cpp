#include "options/option_table.h"

#include <algorithm>
#include <array>

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
    {"io-threads", "io_threads", G::kNetwork, &O::ioThreads, "event loops, which serve all connections",
     "one per core", kThreads},
    {"http-threads",
     "http_threads",
     G::kNetwork,
     &O::httpThreads,
     "threads that answer HTTP requests",
     {},
     kThreads},

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

}  // namespace

std::span<const OptionSpec> optionTable() {
    return kTable;
}

const OptionSpec* findFlag(std::string_view flag) {
    const auto* const spec = std::ranges::find(kTable, flag, &OptionSpec::flag);
    return spec == std::end(kTable) ? nullptr : spec;
}

const OptionSpec* findKey(std::string_view key) {
    if (key.empty()) return nullptr;
    const auto* const spec = std::ranges::find(kTable, key, &OptionSpec::key);
    return spec == std::end(kTable) ? nullptr : spec;
}

bool isBool(const OptionSpec& spec) {
    return std::holds_alternative<bool Options::*>(spec.field);
}

bool isNumbers(const OptionSpec& spec) {
    return std::holds_alternative<std::vector<double> Options::*>(spec.field);
}

bool isRepeatable(const OptionSpec& spec) {
    return std::holds_alternative<std::vector<std::string> Options::*>(spec.field) || isNumbers(spec);
}

std::string_view groupName(Group group) {
    constexpr std::array<std::string_view, 9> kNames{"General",    "Logging",  "Network",
                                                     "Storage",    "Messages", "Clients",
                                                     "Statistics", "Plugins",  "Accepted for nsqd's sake"};
    return kNames.at(static_cast<std::size_t>(group));
}

std::string_view typeName(const OptionSpec& spec) {
    constexpr std::array<std::string_view, std::variant_size_v<Field>> kNames{
        "", "int", "duration", "string", "level", "string", "float"};
    if (spec.isAddress || spec.isRemote) return "address";
    return kNames.at(spec.field.index());
}

std::string defaultText(const OptionSpec& spec) {
    return spec.defaultNote.empty() ? showValue(Options{}, spec) : std::string{spec.defaultNote};
}

}  // namespace nsq::options
