#pragma once

#include <string>

#include "options/options.h"

namespace nsq::app {

/// The NSQ release whose protocol, API, options and files this program has.
inline constexpr const char* kNsqVersion = "1.3.0";

/// This program's own.
inline constexpr const char* kProductVersion = NSQD_VERSION;

/// Begins as nsqd's and nsqlookupd's do, for tools that read it.
inline std::string versionLine(options::Program program) {
    return options::programName(program) + " v" + kNsqVersion + " (nsqd-cpp " + kProductVersion + ")";
}

}  // namespace nsq::app
