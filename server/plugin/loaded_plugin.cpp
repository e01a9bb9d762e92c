#include "plugin/loaded_plugin.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>

#include "plugin/exception_text.h"

namespace nsq::plugin {

using sdk::Error;
using sdk::ErrorCode;
using sdk::Result;

namespace {

/// Plugin::start, with its exceptions as errors.
Result<void> callStart(sdk::Plugin& plugin, sdk::Host& host, sdk::Registrar& registrar) {
    try {
        return plugin.start(host, registrar);
    } catch (...) {
        return Error{ErrorCode::kInternal, exceptionText()};
    }
}

}  // namespace

/// What one plugin registers in its start. Keeps the first refusal.
class LoadedPlugin::Registration final : public sdk::Registrar {
public:
    Registration(LoadedPlugin& plugin, const HostContext& context,
                 const std::vector<std::unique_ptr<LoadedPlugin>>& all, bool& haveFallback)
        : plugin_(plugin), context_(context), all_(all), haveFallback_(haveFallback) {}

    Result<void> addProtocol(sdk::Magic magic, std::shared_ptr<sdk::Protocol> protocol) override {
        const std::string text = fmt::format("{:<4}", oneLine({magic.data(), magic.size()}));
        const std::string what = fmt::format("protocol magic \"{}\"", text);
        if (auto kind = needKind(sdk::kProtocolPlugin, what); !kind) return kind;
        if (protocol == nullptr) return refuse(what + " needs a protocol, has none");
        auto hosted = std::make_shared<HostedProtocol>(std::move(protocol), plugin_.info_.name);
        plugin_.protocols_.push_back(hosted);
        if (auto added = context_.addProtocol(magic, std::move(hosted)); !added) {
            return refuse(added.error().text + ownerOf(&LoadedPlugin::hasMagic, text));
        }
        plugin_.info_.magics.push_back(text);
        return {};
    }

    Result<void> addRoute(sdk::HttpRoute route) override {
        const std::string text = oneLine(route.method + ' ' + route.path);
        const std::string what = "route " + text;
        if (auto kind = needKind(sdk::kHttpPlugin, what); !kind) return kind;
        if (!route.handler) return refuse(what + " needs a handler, has none");
        auto hosted = std::make_shared<HostedHandler>(std::move(route.handler), plugin_.info_.name);
        plugin_.handlers_.push_back(hosted);
        route.handler = [hosted](const sdk::HttpRequest& request) { return hosted->handle(request); };
        if (auto added = context_.addRoute(std::move(route)); !added) {
            return refuse(added.error().text + ownerOf(&LoadedPlugin::hasRoute, text));
        }
        plugin_.info_.routes.push_back(text);
        return {};
    }

    void setFallback(sdk::HttpFallback fallback) override {
        if (!needKind(sdk::kHttpPlugin, "the fallback") || haveFallback_) return;
        context_.setFallback(std::move(fallback));
        haveFallback_ = true;
    }

    const std::optional<Error>& refusal() const { return refusal_; }

private:
    Error refuse(std::string text) {
        Error error{ErrorCode::kInvalid, std::move(text)};
        if (!refusal_) refusal_ = error;
        return error;
    }

    /// Refuses `what` if the descriptor did not promise it.
    Result<void> needKind(sdk::PluginKind kind, const std::string& what) {
        if ((plugin_.kind_ & kind) != 0) return {};
        return refuse(fmt::format("{} needs the kind {} ({:#x}), has kind {:#x}", what,
                                  kind == sdk::kHttpPlugin ? "HTTP" : "protocol",
                                  static_cast<std::uint32_t>(kind), plugin_.kind_));
    }

    /// " (plugin NAME has it)", if a plugin does.
    std::string ownerOf(bool (LoadedPlugin::*has)(const std::string&) const, const std::string& what) const {
        const auto owner =
            std::ranges::find_if(all_, [&](const auto& other) { return ((*other).*has)(what); });
        return owner == all_.end() ? "" : fmt::format(" (plugin {} has it)", (*owner)->info_.name);
    }

    LoadedPlugin& plugin_;
    const HostContext& context_;
    const std::vector<std::unique_ptr<LoadedPlugin>>& all_;
    bool& haveFallback_;
    std::optional<Error> refusal_;
};

LoadedPlugin::LoadedPlugin(std::filesystem::path file, const sdk::PluginDescriptor& descriptor,
                           boost::dll::shared_library library, std::unique_ptr<sdk::Plugin> plugin)
    : library_(std::move(library)),
      info_{descriptor.name, oneLine(descriptor.version), std::move(file), {}, {}},
      kind_(descriptor.kind),
      plugin_(std::move(plugin)) {}

Error LoadedPlugin::refusal(const std::string& text) const {
    return {ErrorCode::kInvalid, fmt::format("plugin {}: {}", info_.file.string(), oneLine(text))};
}

Result<void> LoadedPlugin::start(const HostContext& context,
                                 const std::vector<std::unique_ptr<LoadedPlugin>>& all, bool& haveFallback) {
    host_.emplace(context, info_.name);
    Registration registration(*this, context, all, haveFallback);
    const Result<void> result = callStart(*plugin_, *host_, registration);
    if (registration.refusal()) return refusal("start failed: " + registration.refusal()->text);
    if (!result) return refusal("start failed: " + result.error().text);
    started_ = true;
    return {};
}

void LoadedPlugin::stop(spdlog::logger& logger) {
    if (!std::exchange(started_, false)) return;
    try {
        plugin_->stop();
    } catch (...) {
        logger.error("plugin {}: stop failed: {}", info_.file.string(), exceptionText());
    }
}

void LoadedPlugin::destroy() {
    for (const auto& protocol : protocols_) protocol->release();
    for (const auto& handler : handlers_) handler->release();
    plugin_.reset();
}

bool LoadedPlugin::hasMagic(const std::string& magic) const {
    return std::ranges::find(info_.magics, magic) != info_.magics.end();
}

bool LoadedPlugin::hasRoute(const std::string& route) const {
    return std::ranges::find(info_.routes, route) != info_.routes.end();
}

}  // namespace nsq::plugin
