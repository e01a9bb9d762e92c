#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "nsq/sdk/result.h"

namespace nsq::v2 {

/// The body of an IDENTIFY command. Times in ms, sizes in bytes; 0 asks for the default, -1 for none. Nothing
/// is checked but the types.
struct IdentifyRequest {
    std::optional<std::string> clientId;
    std::optional<std::string> hostname;
    std::optional<std::string> userAgent;
    bool featureNegotiation = false;
    bool tlsV1 = false;
    bool deflate = false;
    bool snappy = false;
    std::int64_t deflateLevel = 0;
    std::int64_t heartbeatInterval = 0;
    std::int64_t outputBufferSize = 0;
    std::int64_t outputBufferTimeout = 0;
    std::int64_t sampleRate = 0;  ///< percent
    std::int64_t msgTimeout = 0;
};

/// Decodes JSON as nsqd does: unknown fields are ignored, names match in any case, null leaves the default,
/// the last of equal names wins, another type is an error. The error's text is for the log.
sdk::Result<IdentifyRequest> decodeIdentify(std::string_view json);

}  // namespace nsq::v2
