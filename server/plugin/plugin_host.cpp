#include "plugin/plugin_host.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <ranges>

#include "faults/exception_text.h"
#include "plugin/loaded_plugin.h"
#include "plugin/plugin_file.h"

namespace nsq::plugin {

using sdk::Error;
using sdk::Result;

Result<std::filesystem::path> resolvePlugin(std::string_view nameOrPath,
                                            const std::filesystem::path& pluginDir) {
    const bool isPath = nameOrPath.find('/') != std::string_view::npos || nameOrPath.ends_with(".so");
    const std::string shown = faults::oneLine(nameOrPath);
    if (shown.empty())
        return Error{sdk::ErrorCode::kInvalid, "plugin \"\": needs a name or a path, has neither"};
    std::error_code error;
    const std::filesystem::path file =
        std::filesystem::absolute(
            isPath ? std::filesystem::path(nameOrPath) : pluginDir / (std::string(nameOrPath) + ".so"), error)
            .lexically_normal();
    if (!error && std::filesystem::exists(file, error)) return file;
    return Error{sdk::ErrorCode::kInvalid,
                 isPath
                     ? fmt::format("plugin {}: no such file", faults::oneLine(file.string()))
                     : fmt::format("plugin {}: no such file: {}, needs it in the plugin directory or a path",
                                   shown, faults::oneLine(file.string()))};
}

std::string toLine(const PluginInfo& plugin) {
    std::string magics;
    for (const std::string& magic : plugin.magics) {
        magics += fmt::format("{}\"{}\"", magics.empty() ? "" : ", ", magic);
    }
    return fmt::format("{} {} ({}): {}{}, {} route{}", plugin.name, plugin.version, plugin.file.string(),
                       magics.empty() ? "no protocol" : "protocol magic ", magics, plugin.routes.size(),
                       plugin.routes.size() == 1 ? "" : "s");
}

PluginHost::PluginHost() = default;

sdk::PluginStats statsOf(const faults::CodeOwner& owner) {
    const faults::CodeOwner::Counts counts = owner.counts();
    sdk::PluginStats stats;
    stats.name = owner.name();
    stats.builtIn = owner.file().empty();
    stats.file = owner.file();
    stats.connections = counts.connections;
    stats.connectionsTotal = counts.connectionsTotal;
    stats.requests = counts.requests;
    stats.errors = counts.errors;
    stats.lastError = counts.lastError;
    return stats;
}

PluginHost::~PluginHost() {
    const bool ended = end();
    while (!plugins_.empty()) {
        if (!ended) static_cast<void>(plugins_.back().release());
        plugins_.pop_back();
    }
}

bool PluginHost::end() {
    if (!stop()) return false;
    // A plugin may hold objects of one loaded before it: all of them go before the first library does.
    return std::ranges::all_of(plugins_ | std::views::reverse, [this](const auto& plugin) {
        return plugin->destroy(context_ ? &*context_ : nullptr);
    });
}

Result<void> PluginHost::load(const std::filesystem::path& file) {
    const auto refusal = [&file](const std::string& reason) {
        return Error{sdk::ErrorCode::kInvalid, fmt::format("plugin {}: {}", file.string(), reason)};
    };
    const auto descriptor = inspectPlugin(file);
    if (!descriptor) return refusal(descriptor.error().text);
    const std::string name = descriptor.value().name;
    const auto twin =
        std::ranges::find_if(plugins_, [&](const auto& other) { return other->info().name == name; });
    if (twin != plugins_.end()) {
        return refusal(fmt::format("has the name \"{}\", which {} has already; needs another", name,
                                   (*twin)->info().file.string()));
    }
    auto library = mapPlugin(file, descriptor.value());
    if (!library) return refusal(library.error().text);
    auto plugin = makePlugin(library.value());
    if (!plugin) return refusal(plugin.error().text);
    plugins_.push_back(std::make_unique<LoadedPlugin>(file, descriptor.value(), std::move(library).value(),
                                                      std::move(plugin).value()));
    return {};
}

Result<void> PluginHost::start(HostContext context) {
    context_.emplace(std::move(context));
    bool haveFallback = false;
    for (const auto& plugin : plugins_) {
        if (auto started = plugin->start(*context_, plugins_, haveFallback); !started) return started;
    }
    return {};
}

bool PluginHost::stop() {
    for (const auto& plugin : plugins_ | std::views::reverse) {
        if (context_ && !plugin->stop(*context_)) return false;
    }
    return std::ranges::none_of(plugins_, [](const auto& plugin) { return plugin->isHanging(); });
}

std::vector<PluginInfo> PluginHost::list() const {
    std::vector<PluginInfo> infos;
    for (const auto& plugin : plugins_) infos.push_back(plugin->info());
    return infos;
}

std::vector<sdk::PluginStats> PluginHost::stats() const {
    std::vector<sdk::PluginStats> all;
    for (const auto& plugin : plugins_) {
        if (plugin->isRunning()) all.push_back(plugin->stats());
    }
    return all;
}

}  // namespace nsq::plugin
