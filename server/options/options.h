#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "nsq/sdk/host.h"

namespace nsq::options {

/// The numbers are those of `/config/log_level`.
enum class LogLevel : int { kDebug = 1, kInfo, kWarn, kError, kFatal };

/// Which clients must come through TLS. The numbers are those of `/config/tls_required`.
enum class TlsRequired : int { kNone, kTcp, kAll };

/// As on the wire, and in `/config/tls_min_version`.
enum class TlsVersion : int { kTls10 = 0x0301, kTls11, kTls12, kTls13 };

using Duration = std::chrono::nanoseconds;

/// The programs of one server: they differ in what they load, and so in their options.
enum class Program { kNsqd, kNsqlookupd };

/// As in logs and in sdk::ServerInfo.
std::string programName(Program program);

/// The settings in the table `[plugin.NAME]` of the configuration file, as text. Keys of inner tables are
/// joined with dots, elements of arrays are `key[0]`, `key[1]`, ...
using PluginSettings = std::map<std::string, std::string>;

/// Every option of the programs with nsqd's default. What each one means stands in option_table.cpp.
struct Options {
    Program program =
        Program::kNsqd;  ///< whose options these are; those it does not have keep their defaults

    bool help = false;
    bool version = false;
    std::string config;

    LogLevel logLevel = LogLevel::kInfo;
    std::string logPrefix = "[nsqd] ";
    std::string logFile;
    bool daemon = false;
    std::string pidfile;
    bool printAddresses = false;

    std::int64_t nodeId = 0;       ///< default: see hostDefaults
    std::string broadcastAddress;  ///< default: see hostDefaults
    std::int64_t broadcastTcpPort = 0;
    std::int64_t broadcastHttpPort = 0;
    std::vector<std::string> lookupdTcpAddresses;
    std::string tcpAddress = "0.0.0.0:4150";
    std::string httpAddress = "0.0.0.0:4151";
    std::string httpsAddress = "0.0.0.0:4152";

    std::string tlsCert;
    std::string tlsKey;
    std::string tlsRootCaFile;
    std::string tlsClientAuthPolicy;
    TlsRequired tlsRequired = TlsRequired::kNone;
    TlsVersion tlsMinVersion = TlsVersion::kTls10;
    std::string httpReadonlyAddress;
    std::string httpAuthToken;
    std::string httpAuthTokenFile;
    std::vector<std::string> authHttpAddresses;

    std::string dataPath;
    std::string exportDiskqueue;
    std::int64_t memQueueSize = 10000;
    std::int64_t maxBytesPerFile = 104857600;
    std::string durability = "crash";
    std::int64_t syncEvery = 2500;
    Duration syncTimeout = std::chrono::seconds(2);

    Duration msgTimeout = std::chrono::minutes(1);
    Duration maxMsgTimeout = std::chrono::minutes(15);
    Duration maxReqTimeout = std::chrono::hours(1);
    std::int64_t maxMsgSize = 1048576;
    std::int64_t maxBodySize = 5242880;

    Duration maxHeartbeatInterval = std::chrono::seconds(60);
    std::int64_t maxRdyCount = 2500;
    std::int64_t maxOutputBufferSize = 65536;
    Duration maxOutputBufferTimeout = std::chrono::seconds(30);
    Duration minOutputBufferTimeout = std::chrono::milliseconds(25);
    Duration outputBufferTimeout = std::chrono::milliseconds(250);
    std::int64_t maxChannelConsumers = 0;
    bool deflate = true;
    std::int64_t maxDeflateLevel = 6;
    bool snappy = true;

    Duration httpClientConnectTimeout = std::chrono::seconds(2);
    Duration httpClientRequestTimeout = std::chrono::seconds(5);

    std::vector<double> latencyPercentiles;
    Duration latencyWindow = std::chrono::minutes(10);
    std::string statsdAddress;
    Duration statsdInterval = std::chrono::minutes(1);
    bool statsdMemStats = true;
    std::string statsdPrefix = "nsq.%s";
    std::int64_t statsdUdpPacketSize = 508;
    bool statsdExcludeEphemeral = false;

    std::int64_t ioThreads = 1;  ///< default: see hostDefaults
    std::int64_t httpThreads = 16;
    std::int64_t maxConnections = 0;

    Duration inactiveProducerTimeout = std::chrono::seconds(300);
    Duration tombstoneLifetime = std::chrono::seconds(45);

    bool httpApi = true;
    std::vector<std::string> plugins;
    std::string pluginDir;
    Duration pluginTimeout = std::chrono::seconds(10);
    std::map<std::string, PluginSettings> pluginSettings;  ///< by plugin; only from the configuration file

    bool verbose = false;
    bool workerId = false;
    std::int64_t queueScanWorkerPoolMax = 4;
    std::int64_t queueScanSelectionCount = 20;
};

/// The defaults of a program.
Options programDefaults(Program program);

/// The same on this machine: node id and broadcast address from its host name, threads from its cores.
Options hostDefaults(Program program);

/// As nsqd computes it: CRC-32 of the MD5 of the host name, modulo 1024.
std::int64_t defaultNodeId(const std::string& hostname);

/// Durations are rounded up to whole milliseconds.
sdk::Limits toLimits(const Options& options);

}  // namespace nsq::options
