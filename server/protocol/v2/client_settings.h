#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "nsq/sdk/host.h"
#include "protocol/v2/identify_request.h"
#include "protocol/v2/protocol_error.h"

namespace nsq::v2 {

/// What is agreed with one client. Before its IDENTIFY the defaults hold.
struct ClientSettings {
    ClientSettings(const sdk::Limits& limits, std::string remoteHost);

    std::string clientId;
    std::string hostname;
    std::string userAgent;
    std::chrono::milliseconds heartbeatInterval;    ///< 0: no heartbeats
    std::int64_t outputBufferSize;                  ///< bytes; 1: none
    std::chrono::milliseconds outputBufferTimeout;  ///< 0: none
    std::chrono::milliseconds msgTimeout;
    int sampleRate = 0;  ///< percent delivered; 0: all
};

/// Takes over what `request` asks for, within the limits. With an error `settings` may be half changed: it is
/// fatal.
std::optional<ProtocolError> negotiate(const IdentifyRequest& request, const sdk::Limits& limits,
                                       ClientSettings& settings);

/// What is to lie beneath the session from its IDENTIFY on.
struct Upgrades {
    bool tls = false;
    bool snappy = false;
    bool deflate = false;
    int deflateLevel;  ///< also told to a client that did not ask for deflate

    bool any() const { return tls || snappy || deflate; }
};

/// What `request` asks for and the server has.
Upgrades agreedUpgrades(const IdentifyRequest& request, const sdk::Limits& limits);

/// The JSON that answers an IDENTIFY with feature_negotiation. `version` is the NSQ release spoken.
std::string negotiationAnswer(const ClientSettings& settings, const Upgrades& upgrades,
                              const sdk::Limits& limits, std::string_view version, bool authRequired);

/// The request in nsqd's words, for the log.
std::string describeForLog(const IdentifyRequest& request);

}  // namespace nsq::v2
