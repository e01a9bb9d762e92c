#include "plugin/loaded_plugin.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <chrono>
#include <mutex>

#include "faults/calling.h"
#include "faults/exception_text.h"
#include "plugin/timed_call.h"

namespace nsq::plugin {

using sdk::Error;
using sdk::ErrorCode;
using sdk::Result;

namespace {

/// Within a Registration's call that comes after its start was given up.
Error tooLate() {
    return {ErrorCode::kExiting, "start has taken too long"};
}

}  // namespace

/// What one plugin registers in its start. Keeps the first refusal. THREAD: the one that calls start;
/// close: any.
class LoadedPlugin::Registration final : public sdk::Registrar {
public:
    Registration(LoadedPlugin& plugin, const HostContext& context,
                 const std::vector<std::unique_ptr<LoadedPlugin>>& all, bool& haveFallback)
        : plugin_(plugin), context_(context), all_(all), haveFallback_(haveFallback) {}

    Result<void> addProtocol(sdk::Magic magic, std::shared_ptr<sdk::Protocol> protocol) override {
        const std::string text = fmt::format("{:<4}", faults::oneLine({magic.data(), magic.size()}));
        const std::string what = fmt::format("protocol magic \"{}\"", text);
        if (auto kind = needKind(sdk::kProtocolPlugin, what); !kind) return kind;
        if (protocol == nullptr) return refuse(what + " needs a protocol, has none");
        auto hosted = std::make_shared<HostedProtocol>(std::move(protocol), *plugin_.owner_);
        const std::lock_guard lock(mutex_);
        if (closed_) return tooLate();
        plugin_.protocols_.push_back(hosted);
        if (auto added = context_.addProtocol(magic, std::move(hosted), *plugin_.owner_); !added) {
            return refuse(added.error().text + ownerOf(&LoadedPlugin::hasMagic, text));
        }
        plugin_.info_.magics.push_back(text);
        return {};
    }

    Result<void> addRoute(sdk::HttpRoute route) override {
        const std::string text = faults::oneLine(route.method + ' ' + route.path);
        const std::string what = "route " + text;
        if (auto kind = needKind(sdk::kHttpPlugin, what); !kind) return kind;
        if (!route.handler) return refuse(what + " needs a handler, has none");
        auto hosted = std::make_shared<HostedHandler>(std::move(route.handler), *plugin_.owner_);
        const std::lock_guard lock(mutex_);
        if (closed_) return tooLate();
        plugin_.handlers_.push_back(hosted);
        route.handler = [hosted](const sdk::HttpRequest& request) { return hosted->handle(request); };
        if (auto added = context_.addRoute(std::move(route)); !added) {
            return refuse(added.error().text + ownerOf(&LoadedPlugin::hasRoute, text));
        }
        plugin_.info_.routes.push_back(text);
        return {};
    }

    void setFallback(sdk::HttpFallback fallback) override {
        if (!needKind(sdk::kHttpPlugin, "the fallback")) return;
        const std::lock_guard lock(mutex_);
        if (closed_ || haveFallback_) return;
        context_.setFallback(std::move(fallback));
        haveFallback_ = true;
    }

    Result<void> addStatistics(sdk::StatisticsSource source) override {
        if (!source) return refuse("statistics need a function, have none");
        const std::lock_guard lock(mutex_);
        if (closed_) return tooLate();
        plugin_.statistics_.push_back(
            std::make_unique<HostedStatistics>(std::move(source), *plugin_.owner_, context_.logger));
        return {};
    }

    /// Nothing is taken any more.
    void close() {
        const std::lock_guard lock(mutex_);
        closed_ = true;
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
    std::mutex mutex_;  ///< guards closed_, and what is done to the plugin and the server until it is true
    bool closed_ = false;
};

/// A start, which may go on after nobody waits for it any more.
struct LoadedPlugin::Start {
    Registration registration;
    Result<void> result{};

    void run(sdk::Plugin& plugin, sdk::Host& host) {
        try {
            result = plugin.start(host, registration);
        } catch (...) {
            result = Error{ErrorCode::kInternal, faults::exceptionText()};
        }
    }
};

LoadedPlugin::LoadedPlugin(std::filesystem::path file, const sdk::PluginDescriptor& descriptor,
                           boost::dll::shared_library library, std::unique_ptr<sdk::Plugin> plugin)
    : library_(std::move(library)),
      info_{descriptor.name, faults::oneLine(descriptor.version), std::move(file), {}, {}},
      kind_(descriptor.kind),
      sdkMajor_(descriptor.sdkMajor),
      sdkMinor_(descriptor.sdkMinor),
      plugin_(std::move(plugin)) {}

Error LoadedPlugin::refusal(const std::string& text) const {
    return {ErrorCode::kInvalid, fmt::format("plugin {}: {}", info_.file.string(), faults::oneLine(text))};
}

Result<void> LoadedPlugin::start(const HostContext& context,
                                 const std::vector<std::unique_ptr<LoadedPlugin>>& all, bool& haveFallback) {
    host_.emplace(context, info_.name);
    owner_ = &context.owners.add(info_.name, info_.file.string());
    const std::shared_ptr<Start> start{new Start{{*this, context, all, haveFallback}}};
    if (!returnsWithin(context.pluginTimeout, [this, start] { start->run(*plugin_, *host_); })) {
        start->registration.close();
        owner_->hangs();
        return refusal(fmt::format("start has taken {} s",
                                   std::chrono::duration<double>(context.pluginTimeout).count()));
    }
    if (const auto& refused = start->registration.refusal()) return refusal("start failed: " + refused->text);
    if (!start->result) return refusal("start failed: " + start->result.error().text);
    running_.store(true, std::memory_order_release);
    return {};
}

bool LoadedPlugin::stop(const HostContext& context) {
    if (!running_.exchange(false)) return true;
    const auto stop = [this, &context] {
        const faults::Calling calling(faults::Caller{owner_});
        try {
            plugin_->stop();
        } catch (...) {
            const std::string text = "stop failed: " + faults::exceptionText();
            context.logger.error("plugin {}: {}", info_.file.string(), text);
            owner_->failed(text);
        }
    };
    if (returnsWithin(context.pluginTimeout, stop)) return true;
    faults::reportHang(context.logger, owner_, "stop does not return", context.pluginTimeout);
    return false;
}

bool LoadedPlugin::destroy(const HostContext* context) {
    const auto destroy = [this] {
        const faults::Calling calling(faults::Caller{owner_});
        for (const auto& protocol : protocols_) protocol->release();
        for (const auto& handler : handlers_) handler->release();
        for (const auto& source : statistics_) source->release();
        plugin_.reset();
    };
    if (context == nullptr) {
        destroy();
        return true;
    }
    if (returnsWithin(context->pluginTimeout, destroy)) return true;
    faults::reportHang(context->logger, owner_, "its end does not come", context->pluginTimeout);
    return false;
}

sdk::PluginStats LoadedPlugin::stats() const {
    std::vector<sdk::Statistic> statistics;
    for (const auto& source : statistics_) source->append(statistics);
    sdk::PluginStats stats = statsOf(*owner_);  // its failures until now included
    stats.version = info_.version;
    stats.sdkMajor = sdkMajor_;
    stats.sdkMinor = sdkMinor_;
    stats.kind = kind_;
    stats.magics = info_.magics;
    stats.routes = info_.routes;
    stats.statistics = std::move(statistics);
    return stats;
}

bool LoadedPlugin::hasMagic(const std::string& magic) const {
    return std::ranges::find(info_.magics, magic) != info_.magics.end();
}

bool LoadedPlugin::hasRoute(const std::string& route) const {
    return std::ranges::find(info_.routes, route) != info_.routes.end();
}

}  // namespace nsq::plugin
