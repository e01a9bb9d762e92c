#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace nsq::v2 {

/// What a client did wrong, or what could not be done for it.
struct ProtocolError {
    std::string_view code;  ///< one of code::k...
    std::string description;
    bool fatal = true;  ///< the connection is closed after the error frame

    /// As on the wire: `<code> <description>`.
    std::string text() const;
};

/// The size of a command's body is not in 1..max.
ProtocolError badBodySize(std::string_view command, std::int64_t size, std::int64_t max);

/// `command` does not fit to what the client did before.
ProtocolError badState(std::string_view command);

/// The error codes of the V2 protocol.
namespace code {
inline constexpr std::string_view kInvalid = "E_INVALID";
inline constexpr std::string_view kBadTopic = "E_BAD_TOPIC";
inline constexpr std::string_view kBadChannel = "E_BAD_CHANNEL";
inline constexpr std::string_view kBadBody = "E_BAD_BODY";
inline constexpr std::string_view kBadMessage = "E_BAD_MESSAGE";
inline constexpr std::string_view kPubFailed = "E_PUB_FAILED";
inline constexpr std::string_view kMpubFailed = "E_MPUB_FAILED";
inline constexpr std::string_view kDpubFailed = "E_DPUB_FAILED";
inline constexpr std::string_view kSubFailed = "E_SUB_FAILED";
inline constexpr std::string_view kFinFailed = "E_FIN_FAILED";
inline constexpr std::string_view kReqFailed = "E_REQ_FAILED";
inline constexpr std::string_view kTouchFailed = "E_TOUCH_FAILED";
inline constexpr std::string_view kIdentifyFailed = "E_IDENTIFY_FAILED";
inline constexpr std::string_view kAuthDisabled = "E_AUTH_DISABLED";
inline constexpr std::string_view kAuthFailed = "E_AUTH_FAILED";
inline constexpr std::string_view kAuthFirst = "E_AUTH_FIRST";
inline constexpr std::string_view kUnauthorized = "E_UNAUTHORIZED";
}  // namespace code

}  // namespace nsq::v2
