#pragma once

#include <string_view>

namespace nsq::sdk {

/// Longest topic or channel name, the `#ephemeral` suffix included (NSQ protocol).
inline constexpr std::size_t kMaxNameLength = 64;

/// Ends the names of topics and channels that never touch the disk.
inline constexpr std::string_view kEphemeralSuffix = "#ephemeral";

/// True for `^[.a-zA-Z0-9_-]+(#ephemeral)?$` of 1 to 64 characters. THREAD: any.
bool isValidTopicName(std::string_view name);

/// The rule is the topics'. THREAD: any.
bool isValidChannelName(std::string_view name);

/// THREAD: any.
inline bool isEphemeral(std::string_view name) {
    return name.ends_with(kEphemeralSuffix);
}

}  // namespace nsq::sdk
