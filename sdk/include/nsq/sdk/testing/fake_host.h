#pragma once

#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "nsq/sdk/host.h"
#include "nsq/sdk/testing/fake_authorizer.h"
#include "nsq/sdk/testing/fake_broker.h"

namespace nsq::sdk::testing {

/// A host whose every answer the test can set.
class FakeHost final : public Host {
public:
    FakeHost();
    ~FakeHost() = default;

    Limits limitValues;
    ServerInfo infoValues;
    std::map<std::string, Poco::Dynamic::Var, std::less<>> options;  ///< setOption changes those that exist
    std::vector<ClientStats> clientList;
    std::vector<PluginStats> pluginList;
    FakeBroker fakeBroker;
    FakeAuthorizer fakeAuthorizer;

    /// What was logged at debug and above: one line each, `level text`.
    std::string logged() const { return log_.str(); }

    spdlog::logger& logger() override { return *logger_; }
    Broker& broker() override { return fakeBroker; }
    const Limits& limits() const override { return limitValues; }
    const ServerInfo& info() const override { return infoValues; }
    Poco::AutoPtr<Poco::Util::AbstractConfiguration> settings() override { return settings_; }
    Result<Poco::Dynamic::Var> option(std::string_view name) const override;
    Result<void> setOption(std::string_view name, std::string_view value) override;
    std::vector<ClientStats> clients() override { return clientList; }
    Authorizer& authorizer() override { return fakeAuthorizer; }
    std::vector<PluginStats> plugins() override { return pluginList; }

private:
    std::ostringstream log_;
    std::shared_ptr<spdlog::logger> logger_;
    Poco::AutoPtr<Poco::Util::AbstractConfiguration> settings_;
};

}  // namespace nsq::sdk::testing
