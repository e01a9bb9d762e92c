#pragma once

#include <spdlog/logger.h>

#include <memory>
#include <optional>

#include "application/bound_socket.h"
#include "auth/auth_settings.h"
#include "net/tls_context.h"
#include "options/options.h"
#include "plugin/plugin_host.h"
#include "storage/data_directory.h"

namespace nsq::app {

/// What a server takes hold of before it runs, and before it becomes a daemon: nothing here has threads, and
/// all paths are absolute. Members are released in reverse order.
struct Launch {
    options::Options options;
    std::shared_ptr<spdlog::logger> logger;
    std::unique_ptr<net::TlsContext> tls;        ///< null: no TLS
    std::optional<storage::DataDirectory> data;  ///< nothing: no broker
    BoundSocket tcp;
    std::unique_ptr<BoundSocket> http;            ///< null: no HTTP
    std::unique_ptr<BoundSocket> https;           ///< null: no HTTPS
    std::unique_ptr<BoundSocket> httpReadonly;    ///< null: not wanted
    std::unique_ptr<plugin::PluginHost> plugins;  ///< loaded, not started
    auth::AuthSettings auth;
};

/// Makes the options' paths absolute and takes hold of everything they name. Throws StartError.
std::unique_ptr<Launch> prepareLaunch(options::Options options);

/// Loads the program's own plugin, if it is wanted, and those listed. Throws StartError.
std::unique_ptr<plugin::PluginHost> loadPlugins(const options::Options& options);

/// Makes paths independent of the working directory and fills in where the plugins are. Throws StartError.
void resolvePaths(options::Options& options);

}  // namespace nsq::app
