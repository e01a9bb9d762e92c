#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "nsq/sdk/http.h"
#include "nsq/sdk/protocol.h"

/// What the server holds in place of a plugin's own objects, whose code goes away with the plugin: these can
/// be kept for longer, and turn the plugin's exceptions into std::runtime_error with the plugin's name in the
/// text.
namespace nsq::plugin {

/// THREAD: as sdk::Protocol; release when no call is running.
class HostedProtocol final : public sdk::Protocol {
public:
    HostedProtocol(std::shared_ptr<sdk::Protocol> protocol, std::string plugin);

    std::string_view name() const override { return name_; }
    std::unique_ptr<sdk::Session> createSession(sdk::Connection& connection) override;

    /// Lets go of the plugin's object. From now on there are no sessions.
    void release() { protocol_.reset(); }

private:
    std::shared_ptr<sdk::Protocol> protocol_;
    std::string plugin_;
    std::string name_;
};

/// THREAD: as sdk::HttpHandler; release when no call is running.
class HostedHandler {
public:
    HostedHandler(sdk::HttpHandler handler, std::string plugin);

    sdk::HttpResponse handle(const sdk::HttpRequest& request) const;

    /// Lets go of the plugin's function. From now on every answer is 503.
    void release() { handler_ = nullptr; }

private:
    sdk::HttpHandler handler_;
    std::string plugin_;
};

}  // namespace nsq::plugin
