#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "nsq/sdk/plugin.h"

namespace nsq::sdk::testing {

/// Keeps what a plugin registers. It takes everything, for a real one's refusals are for the real server.
/// Give up what is here after Plugin::stop and before the plugin. THREAD: the test's only.
class FakeRegistrar final : public Registrar {
public:
    FakeRegistrar() = default;
    ~FakeRegistrar() = default;

    std::map<std::string, std::shared_ptr<Protocol>, std::less<>> protocols;  ///< by magic
    std::vector<HttpRoute> routes;
    std::vector<HttpFallback> fallbacks;
    std::vector<StatisticsSource> statistics;

    Result<void> addProtocol(Magic magic, std::shared_ptr<Protocol> protocol) override {
        protocols[{magic.data(), magic.size()}] = std::move(protocol);
        return {};
    }
    Result<void> addRoute(HttpRoute route) override {
        routes.push_back(std::move(route));
        return {};
    }
    void setFallback(HttpFallback fallback) override { fallbacks.push_back(std::move(fallback)); }
    Result<void> addStatistics(StatisticsSource source) override {
        statistics.push_back(std::move(source));
        return {};
    }
};

}  // namespace nsq::sdk::testing
