#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace nsq::sdk {

/// How far a client has come, with the numbers `/stats` shows.
enum class ClientState : int { kInit = 0, kConnected = 2, kSubscribed = 3, kClosing = 4 };

struct PubCount {
    std::string topic;
    std::uint64_t count = 0;
};

/// One connection, as `/stats` shows it.
struct ClientStats {
    std::string clientId;
    std::string hostname;
    std::string protocol;  ///< "V2"
    std::string remoteAddress;
    std::string userAgent;
    ClientState state = ClientState::kInit;
    std::int64_t readyCount = 0;
    std::int64_t inFlightCount = 0;
    std::uint64_t messageCount = 0;  ///< messages delivered to it
    std::uint64_t finishCount = 0;
    std::uint64_t requeueCount = 0;
    std::chrono::system_clock::time_point connectedAt;
    int sampleRate = 0;               ///< percent delivered, 0 for all
    std::string topic;                ///< subscribed to, or empty
    std::string channel;              ///< subscribed to, or empty
    std::vector<PubCount> pubCounts;  ///< messages published, by topic
    bool snappy = false;
    bool deflate = false;
    bool tls = false;
    std::string tlsCipherSuite;  ///< its name in the RFCs, which is Go's; empty without TLS
    std::string tlsVersion;      ///< "TLS1.0" to "TLS1.3"; empty without TLS
    bool authed = false;         ///< it has an authorization; the two below are that one's
    std::string authIdentity;
    std::string authIdentityUrl;
};

/// How long messages took from being published to their FIN, over the time of
/// e2e-processing-latency-window-time. Nothing in it when that is not kept.
struct LatencyStats {
    struct Percentile {
        double quantile;  ///< part of the messages, 0 to 1
        std::chrono::nanoseconds value;
    };
    std::uint64_t count = 0;              ///< messages finished
    std::vector<Percentile> percentiles;  ///< in the order of the option; values are 0 when count is
};

/// A channel at one moment.
struct ChannelStats {
    std::string name;
    std::int64_t depth = 0;         ///< waiting: neither in flight nor deferred
    std::int64_t backendDepth = 0;  ///< of depth, those that are only on disk
    std::int64_t inFlightCount = 0;
    std::int64_t deferredCount = 0;
    std::uint64_t messageCount = 0;  ///< messages it got from its topic
    std::uint64_t requeueCount = 0;
    std::uint64_t timeoutCount = 0;
    std::uint64_t finishCount = 0;
    std::uint64_t droppedCount = 0;  ///< emptied, sampled out, or beyond an ephemeral channel's limit
    int clientCount = 0;
    bool paused = false;
    LatencyStats latency;
};

/// A topic at one moment.
struct TopicStats {
    std::string name;
    std::int64_t depth = 0;         ///< not yet given to its channels: it has none, or is paused
    std::int64_t backendDepth = 0;  ///< of depth, those that are only on disk
    std::uint64_t messageCount = 0;
    std::uint64_t messageBytes = 0;    ///< sum of the bodies' sizes
    std::int64_t memoryBytes = 0;      ///< memory its messages take now
    std::uint64_t damagedBatches = 0;  ///< batches of its files found damaged since the start
    bool paused = false;
    LatencyStats latency;                ///< of all its channels together; nothing if there are none
    std::vector<ChannelStats> channels;  ///< sorted by name
};

}  // namespace nsq::sdk
