#pragma once

#include <Poco/AutoPtr.h>
#include <Poco/Util/AbstractConfiguration.h>
#include <spdlog/logger.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "faults/code_owners.h"
#include "nsq/sdk/host.h"
#include "nsq/sdk/http.h"
#include "nsq/sdk/protocol.h"
#include "nsq/sdk/result.h"

namespace nsq::plugin {

/// What the server offers plugins and takes from them. What it refers to outlives the PluginHost; every
/// callback is set and has the contract of the sdk::Host or sdk::Registrar function of its name.
struct HostContext {
    spdlog::logger& logger;
    faults::CodeOwners& owners;               ///< gets each plugin
    std::chrono::milliseconds pluginTimeout;  ///< for each start, stop and end
    sdk::Broker& broker;
    const sdk::Limits& limits;
    const sdk::ServerInfo& info;

    /// The settings of the plugin of this name; null stands for none.
    std::function<Poco::AutoPtr<Poco::Util::AbstractConfiguration>(const std::string& plugin)> settings;
    std::function<sdk::Result<Poco::Dynamic::Var>(std::string_view name)> option;
    std::function<sdk::Result<void>(std::string_view name, std::string_view value)> setOption;
    std::function<std::vector<sdk::ClientStats>()> clients;
    std::function<std::vector<sdk::PluginStats>()> plugins;
    sdk::Authorizer& authorizer;

    /// What these are given stays safe to destroy after the plugin is gone. Their errors name the magic or
    /// route.
    std::function<sdk::Result<void>(sdk::Magic, std::shared_ptr<sdk::Protocol>, faults::CodeOwner&)>
        addProtocol;
    std::function<sdk::Result<void>(sdk::HttpRoute)> addRoute;
    std::function<void(sdk::HttpFallback)> setFallback;  ///< called at most once
};

/// The server as the plugin (or the built-in protocol) called `name` sees it. THREAD: as sdk::Host.
class HostFacade final : public sdk::Host {
public:
    HostFacade(const HostContext& context, std::string name) : context_(context), name_(std::move(name)) {}

    spdlog::logger& logger() override { return context_.logger; }
    sdk::Broker& broker() override { return context_.broker; }
    const sdk::Limits& limits() const override { return context_.limits; }
    const sdk::ServerInfo& info() const override { return context_.info; }
    Poco::AutoPtr<Poco::Util::AbstractConfiguration> settings() override;
    sdk::Result<Poco::Dynamic::Var> option(std::string_view name) const override {
        return context_.option(name);
    }
    sdk::Result<void> setOption(std::string_view name, std::string_view value) override {
        return context_.setOption(name, value);
    }
    std::vector<sdk::ClientStats> clients() override { return context_.clients(); }
    sdk::Authorizer& authorizer() override { return context_.authorizer; }
    std::vector<sdk::PluginStats> plugins() override { return context_.plugins(); }

private:
    const HostContext& context_;
    std::string name_;
};

}  // namespace nsq::plugin
