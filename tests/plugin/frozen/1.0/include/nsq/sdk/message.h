#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "nsq/sdk/bytes.h"

namespace nsq::sdk {

/// A message is kept and delivered as the V2 message frame of the NSQ protocol, all integers big-endian:
/// int32 size of what follows, int32 frame type 2, int64 timestamp, uint16 attempts, 16 bytes id, body.
namespace frame {
inline constexpr std::int32_t kTypeResponse = 0;
inline constexpr std::int32_t kTypeError = 1;
inline constexpr std::int32_t kTypeMessage = 2;
inline constexpr std::size_t kSizeBytes = 4;        ///< the leading int32 size
inline constexpr std::size_t kTimestampOffset = 8;  ///< int64, nanoseconds since the Unix epoch
inline constexpr std::size_t kAttemptsOffset = 16;  ///< uint16, 1 on the first delivery
inline constexpr std::size_t kIdOffset = 18;        ///< 16 lower-case hex digits
inline constexpr std::size_t kBodyOffset = 34;
}  // namespace frame

/// Identifies a message of a topic. On the wire 16 lower-case hex digits; opaque to clients.
struct MessageId {
    static constexpr std::size_t kTextLength = 16;

    std::uint64_t value = 0;

    friend bool operator==(MessageId, MessageId) = default;

    /// The 16 digits. THREAD: any.
    std::array<char, kTextLength> text() const;

    /// nullopt unless `text` is 16 hex digits. THREAD: any.
    static std::optional<MessageId> parse(std::string_view text);
};

/// One message frame, decoded. Points into the frame it was read from.
struct MessageView {
    std::int64_t timestampNs;  ///< nanoseconds since the Unix epoch, when it was published
    std::uint16_t attempts;    ///< deliveries, this one included
    MessageId id;
    Bytes body;
    Bytes frame;  ///< the whole frame, its size field included
};

/// Decodes the first frame of `frames` and removes it from there. `frames` must hold whole frames made by the
/// broker, as in MessageRun: nothing is checked. THREAD: any.
MessageView nextMessage(Bytes& frames);

}  // namespace nsq::sdk
