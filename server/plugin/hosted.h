#pragma once

#include <spdlog/logger.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "faults/code_owners.h"
#include "nsq/sdk/http.h"
#include "nsq/sdk/plugin_stats.h"
#include "nsq/sdk/protocol.h"

/// What the server holds in place of a plugin's own objects, whose code goes away with the plugin: these can
/// be kept for longer, and turn the plugin's exceptions into std::runtime_error with the plugin's name in the
/// text. `owner` is the plugin, and outlives them.
namespace nsq::plugin {

/// THREAD: as sdk::Protocol; release when no call is running.
class HostedProtocol final : public sdk::Protocol {
public:
    HostedProtocol(std::shared_ptr<sdk::Protocol> protocol, const faults::CodeOwner& owner);

    std::string_view name() const override { return name_; }
    std::unique_ptr<sdk::Session> createSession(sdk::Connection& connection) override;

    /// Lets go of the plugin's object. From now on there are no sessions.
    void release() { protocol_.reset(); }

private:
    std::shared_ptr<sdk::Protocol> protocol_;
    const faults::CodeOwner& owner_;
    std::string name_;
};

/// Counts requests and failures. THREAD: as sdk::HttpHandler; release when no call is running.
class HostedHandler {
public:
    HostedHandler(sdk::HttpHandler handler, faults::CodeOwner& owner);

    sdk::HttpResponse handle(const sdk::HttpRequest& request) const;

    /// Lets go of the plugin's function. From now on every answer is 503.
    void release() { handler_ = nullptr; }

private:
    sdk::HttpHandler handler_;
    faults::CodeOwner& owner_;
};

/// Statistics without those that nothing could be done with. THREAD: as sdk::StatisticsSource; release when
/// no call is running.
class HostedStatistics {
public:
    HostedStatistics(sdk::StatisticsSource source, faults::CodeOwner& owner, spdlog::logger& logger);

    /// Appends them. A failure is logged and counted.
    void append(std::vector<sdk::Statistic>& statistics) const;

    /// Lets go of the plugin's function. From now on there are none.
    void release() { source_ = nullptr; }

private:
    void fail(const std::string& text) const;

    sdk::StatisticsSource source_;
    faults::CodeOwner& owner_;
    spdlog::logger& logger_;
};

}  // namespace nsq::plugin
