#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace nsq::sdk {

/// One number of a plugin's own, at one moment.
struct Statistic {
    enum class Kind { kCounter, kGauge };  ///< a counter only grows while the server runs

    std::string name;  ///< a lower case letter, then such letters, digits and `_`; tells its unit, if any
    std::string help;  ///< what it counts, in a few words
    Kind kind = Kind::kCounter;
    double value = 0;
};

/// Tells a plugin's numbers as they are now. An exception is logged; there are no numbers then.
/// THREAD: any but a loop, several at once. Must not block, and must not ask for Host::plugins().
using StatisticsSource = std::function<std::vector<Statistic>()>;

/// A plugin, or a built-in protocol, at one moment.
struct PluginStats {
    std::string name;
    std::string version;
    bool builtIn = false;        ///< a part of the server, which has no file
    std::string file;            ///< its path
    std::uint32_t sdkMajor = 0;  ///< the SDK it was built with
    std::uint32_t sdkMinor = 0;
    std::uint32_t kind = 0;              ///< PluginKind, or several or'ed
    std::vector<std::string> magics;     ///< 4 characters each
    std::vector<std::string> routes;     ///< such as "GET /stats"
    std::uint64_t connections = 0;       ///< with a session, now
    std::uint64_t connectionsTotal = 0;  ///< since the start
    std::uint64_t requests = 0;          ///< HTTP, since the start
    std::uint64_t errors = 0;            ///< exceptions of its code, and calls that did not end in time
    std::string lastError;               ///< one line; empty without errors
    std::vector<Statistic> statistics;   ///< its own
};

}  // namespace nsq::sdk
