#include "application/launch.h"

#include <fcntl.h>
#include <spdlog/fmt/fmt.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "application/auth_config.h"
#include "application/start_error.h"
#include "application/token_file.h"
#include "logging/logging.h"

namespace nsq::app {

namespace {

constexpr std::string_view kHttpApi = "http_api";
constexpr std::string_view kLookupd = "lookupd";

void makeAbsolute(std::string& path) {
    if (!path.empty()) path = std::filesystem::absolute(path).lexically_normal().string();
}

/// The plugins that come with the server: in PREFIX/lib/nsqd/plugins when the program is in PREFIX/bin, in
/// the build tree as well.
std::string ownPluginDir() {
    const auto program = std::filesystem::read_symlink("/proc/self/exe");
    return (program.parent_path().parent_path() / NSQD_PLUGIN_DIR).string();
}

/// The plugin that makes the program what it is; empty when it is not wanted.
std::string_view ownPlugin(const options::Options& options) {
    if (options.program == options::Program::kNsqlookupd) return kLookupd;
    return options.httpApi ? kHttpApi : std::string_view{};
}

/// The program's own plugin first, unless the list has it elsewhere.
std::vector<std::string> pluginNames(const options::Options& options) {
    std::vector<std::string> names;
    const std::string_view own = ownPlugin(options);
    if (!own.empty() && std::ranges::find(options.plugins, own) == options.plugins.end()) {
        names.emplace_back(own);
    }
    std::ranges::copy(options.plugins, std::back_inserter(names));
    return names;
}

/// A name is looked for in --plugin-dir, then among those that come with the server: who keeps plugins
/// elsewhere still has http_api.
std::filesystem::path pluginFile(const std::string& name, const options::Options& options) {
    auto file = plugin::resolvePlugin(name, options.pluginDir);
    if (file) return file.value();
    const auto own = plugin::resolvePlugin(name, ownPluginDir());
    return own ? own.value() : orThrow(std::move(file), ExitStatus::kFailed);
}

std::unique_ptr<BoundSocket> bindIfWanted(std::string_view flag, const std::string& address) {
    return address.empty() ? nullptr : std::make_unique<BoundSocket>(flag, address);
}

net::ClientCertificate clientCertificate(std::string_view policy) {
    if (policy.empty()) return net::ClientCertificate::kNone;
    return policy == "require" ? net::ClientCertificate::kAny : net::ClientCertificate::kVerified;
}

/// Null without a certificate.
std::unique_ptr<net::TlsContext> loadTls(const options::Options& options) {
    if (options.tlsCert.empty()) {
        if (options.tlsRootCaFile.empty()) return nullptr;
        orThrow(net::checkRootCas(options.tlsRootCaFile), ExitStatus::kBadOption);
        return nullptr;
    }
    return orThrow(net::TlsContext::load({.certificateFile = options.tlsCert,
                                          .keyFile = options.tlsKey,
                                          .rootCaFile = options.tlsRootCaFile,
                                          .client = clientCertificate(options.tlsClientAuthPolicy),
                                          .minVersion = static_cast<int>(options.tlsMinVersion)}),
                   ExitStatus::kBadOption);
}

/// From here on the token is in --http-auth-token, wherever it came from.
void readToken(options::Options& options) {
    if (options.httpAuthTokenFile.empty()) return;
    options.httpAuthToken = orThrow(readTokenFile(options.httpAuthTokenFile), ExitStatus::kBadOption);
}

/// Poco writes the file when the daemon is running already: too late to say that it cannot.
void checkPidfile(const std::string& path) {
    if (path.empty()) return;
    const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (file < 0) {
        throw StartError(ExitStatus::kBadOption, fmt::format("option --pidfile: {} cannot be written: {}",
                                                             path, std::generic_category().message(errno)));
    }
    ::close(file);
}

void warnOfUnusedSettings(const Launch& launch) {
    const auto loaded = launch.plugins->list();
    for (const auto& [name, settings] : launch.options.pluginSettings) {
        if (std::ranges::find(loaded, name, &plugin::PluginInfo::name) == loaded.end()) {
            launch.logger->warn("the configuration file has settings for plugin {}, which is not loaded",
                                name);
        }
    }
}

}  // namespace

void resolvePaths(options::Options& options) {
    try {
        if (options.dataPath.empty()) options.dataPath = std::filesystem::current_path().string();
        if (options.pluginDir.empty()) options.pluginDir = ownPluginDir();
        for (std::string* path : {&options.dataPath, &options.exportDiskqueue, &options.pluginDir,
                                  &options.logFile, &options.pidfile, &options.tlsCert, &options.tlsKey,
                                  &options.tlsRootCaFile, &options.httpAuthTokenFile}) {
            makeAbsolute(*path);
        }
    } catch (const std::filesystem::filesystem_error& error) {
        throw StartError(ExitStatus::kFailed, error.what());
    }
}

std::unique_ptr<plugin::PluginHost> loadPlugins(const options::Options& options) {
    auto plugins = std::make_unique<plugin::PluginHost>();
    for (const std::string& name : pluginNames(options)) {
        orThrow(plugins->load(pluginFile(name, options)), ExitStatus::kFailed);
    }
    return plugins;
}

std::unique_ptr<Launch> prepareLaunch(options::Options options) {
    resolvePaths(options);
    readToken(options);
    auth::AuthSettings auth = authSettings(options);
    auto logger = orThrow(logging::makeLogger(options), ExitStatus::kBadOption);
    auto tls = loadTls(options);
    const std::string httpsAddress = tls ? options.httpsAddress : std::string{};
    std::optional<storage::DataDirectory> data;
    if (options.program == options::Program::kNsqd)
        data = orThrow(storage::DataDirectory::open(options.dataPath), ExitStatus::kDataPath);
    // Braces: in this order.
    std::unique_ptr<Launch> launch{
        new Launch{options,
                   std::move(logger),
                   std::move(tls),
                   std::move(data),
                   {"tcp-address", options.tcpAddress},
                   bindIfWanted("http-address", options.httpAddress),
                   bindIfWanted("https-address", httpsAddress),
                   bindIfWanted("http-readonly-address", options.httpReadonlyAddress),
                   loadPlugins(options),
                   std::move(auth)}};
    warnOfUnusedSettings(*launch);
    checkPidfile(launch->options.pidfile);
    return launch;
}

}  // namespace nsq::app
