#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nsq/sdk/result.h"
#include "plugin/host_context.h"

namespace nsq::plugin {

class LoadedPlugin;

/// The file that `nameOrPath` means, absolute: itself if it has a `/` or ends in `.so`, else NAME.so in
/// `pluginDir`. To be called before the working directory changes. The error is a whole line, as of
/// PluginHost.
sdk::Result<std::filesystem::path> resolvePlugin(std::string_view nameOrPath,
                                                 const std::filesystem::path& pluginDir);

/// What was loaded, for the log.
struct PluginInfo {
    std::string name;
    std::string version;
    std::filesystem::path file;
    std::vector<std::string> magics;  ///< as registered in start, 4 characters each
    std::vector<std::string> routes;  ///< "GET /stats"
};

/// `http_api 1.0 (/usr/lib/nsqd/plugins/http_api.so): no protocol, 25 routes`
std::string toLine(const PluginInfo& plugin);

/// What an owner's counts are in the list of plugins; the rest is still to be filled in.
sdk::PluginStats statsOf(const faults::CodeOwner& owner);

/// Loads plugins, starts and stops them, and lets go of them in the right order. Every error is one line that
/// names the file, what it has and what is needed.
///
/// The life of a server: load each file, start, (serve), stop, then destroy this object: after the sessions,
/// the HTTP workers and the broker have ended, before whatever the context refers to goes. THREAD: main.
class PluginHost {
public:
    PluginHost();
    PluginHost(const PluginHost&) = delete;
    PluginHost& operator=(const PluginHost&) = delete;

    /// Stops what still runs, destroys the plugins in reverse order and unmaps the libraries last; see end().
    ~PluginHost();

    /// Checks the file before anything of it runs, maps it and makes its plugin. See resolvePlugin for a
    /// file.
    sdk::Result<void> load(const std::filesystem::path& file);

    /// Starts the plugins in the order of their loading, up to the first that fails. Once only.
    sdk::Result<void> start(HostContext context);

    /// Stops the started plugins in reverse order, up to the first that hangs. Exceptions go to the log, and
    /// so does that one. No session and no request of theirs may be running any more. False when code of one
    /// has not returned in time, be it its start: nothing may be destroyed that it may use.
    bool stop();

    /// Stops what still runs and destroys the plugins in reverse order, up to the first that hangs. False as
    /// of stop: the plugins stay, with their libraries, until the process ends.
    bool end();

    /// In the order of loading; magics and routes are known after start.
    std::vector<PluginInfo> list() const;

    /// Every plugin that has started and is not being stopped, in the order of loading. THREAD: any but a
    /// loop, after the last load.
    std::vector<sdk::PluginStats> stats() const;

private:
    std::optional<HostContext> context_;
    std::vector<std::unique_ptr<LoadedPlugin>> plugins_;
};

}  // namespace nsq::plugin
