#pragma once

#include <Poco/AutoPtr.h>
#include <Poco/Dynamic/Var.h>
#include <Poco/Util/AbstractConfiguration.h>
#include <spdlog/logger.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "nsq/sdk/authorizer.h"
#include "nsq/sdk/broker.h"
#include "nsq/sdk/plugin_stats.h"
#include "nsq/sdk/result.h"
#include "nsq/sdk/stats.h"

namespace nsq::sdk {

/// What a protocol must keep its clients to. Sizes in bytes; the option of each is its name with dashes.
struct Limits {
    std::int64_t maxMsgSize = 1048576;
    std::int64_t maxBodySize = 5242880;
    std::int64_t maxRdyCount = 2500;
    std::chrono::milliseconds msgTimeout{60'000};
    std::chrono::milliseconds maxMsgTimeout{900'000};
    std::chrono::milliseconds maxReqTimeout{3'600'000};
    std::chrono::milliseconds clientTimeout{
        60'000};  ///< twice the default heartbeat interval; as in nsqd, not an option
    std::chrono::milliseconds maxHeartbeatInterval{60'000};
    std::int64_t maxOutputBufferSize = 65536;
    std::chrono::milliseconds maxOutputBufferTimeout{30'000};
    std::chrono::milliseconds minOutputBufferTimeout{25};
    std::chrono::milliseconds outputBufferTimeout{250};
    bool tls = false;          ///< there is a certificate: a client may have TLS
    bool tlsRequired = false;  ///< without TLS a client may do nothing but ask for it
    bool snappy = true;        ///< a client may have it
    bool deflate = true;       ///< a client may have it
    int maxDeflateLevel = 6;
};

/// Who and where the server is. Ports are -1 on a unix socket and where it does not listen; those it
/// broadcasts are 0 then, as nsqd has it.
struct ServerInfo {
    std::string program;         ///< "nsqd" or "nsqlookupd"
    std::string version;         ///< the NSQ release spoken, "1.3.0"
    std::string productVersion;  ///< this program's own
    std::string hostname;
    std::string broadcastAddress;
    int tcpPort = 0;
    int httpPort = 0;
    int broadcastTcpPort = 0;
    int broadcastHttpPort = 0;
    std::chrono::system_clock::time_point startTime;
};

/// The server as a plugin sees it. Outlives the plugin. THREAD: any, unless said.
class Host {
public:
    /// The host's logger: message bodies never go there.
    virtual spdlog::logger& logger() = 0;

    /// In a program without messages, such as nsqlookupd, it has no topics, and to publish, subscribe or
    /// change something is kInvalid.
    virtual Broker& broker() = 0;
    virtual const Limits& limits() const = 0;

    /// Ports are known from the call of Plugin::start on.
    virtual const ServerInfo& info() const = 0;

    /// The plugin's own settings: the table `[plugin.NAME]` of the configuration file, its keys as they stand
    /// there. Empty when there is none. THREAD: within Plugin::start.
    virtual Poco::AutoPtr<Poco::Util::AbstractConfiguration> settings() = 0;

    /// The server option with this name as in the configuration file: a bool, an integer (durations in
    /// nanoseconds, log_level 1..5), a string or an array. kInvalid: no such option.
    virtual Result<Poco::Dynamic::Var> option(std::string_view name) const = 0;

    /// Changes an option that can change while the server runs. kInvalid: no such option or it cannot change
    /// ("INVALID_OPTION"), or the value is not one of its own ("INVALID_VALUE"); that word is the error's
    /// text.
    virtual Result<void> setOption(std::string_view name, std::string_view value) = 0;

    /// Every connection with a session, in no order. Asks each loop and waits for it, a second at most.
    /// THREAD: any but a loop.
    virtual std::vector<ClientStats> clients() = 0;

    /// What a protocol asks, if it is required, before it serves a client.
    virtual Authorizer& authorizer() = 0;

protected:
    virtual ~Host() = default;

public:  // since SDK 1.1, behind what was there before: see sdk/README.md
    /// Every plugin and every built-in protocol, in the order of their loading. Asks plugins for their
    /// statistics. THREAD: any but a loop.
    virtual std::vector<PluginStats> plugins() = 0;
};

}  // namespace nsq::sdk
