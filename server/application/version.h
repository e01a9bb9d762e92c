#pragma once

#include <string>

namespace nsq::app {

/// The NSQ release whose protocol, API, options and files this program has.
inline constexpr const char* kNsqVersion = "1.3.0";

/// This program's own.
inline constexpr const char* kProductVersion = NSQD_VERSION;

/// Begins as nsqd's does, for tools that read it.
inline std::string versionLine() {
    return std::string{"nsqd v"} + kNsqVersion + " (nsqd-cpp " + kProductVersion + ")";
}

}  // namespace nsq::app
