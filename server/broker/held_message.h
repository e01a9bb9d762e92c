#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "nsq/sdk/result.h"

namespace nsq::broker {

/// A message that a channel, or a topic before its channels, has.
struct HeldMessage {
    const std::byte* frame = nullptr;  ///< as it is in the log; valid during the call
    std::uint16_t deliveries = 0;      ///< so far, beside those its frame counts before the first one
    bool isDeferred = false;           ///< it waits for its time
};

using HeldVisitor = std::function<sdk::Result<void>(const HeldMessage&)>;

}  // namespace nsq::broker
