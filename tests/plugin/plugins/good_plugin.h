#pragma once

#include <stdexcept>
#include <string>

#include "test_plugin.h"

/// A plugin with nothing wrong, in two names: it has a protocol and two routes, logs what happens to it, and
/// sets the lookupds when its settings have `peers`.
namespace nsq::test {

/// Says in the log when it goes, and makes no session for the first connection.
class LoggedProtocol final : public sdk::Protocol {
public:
    LoggedProtocol(sdk::Host& host, std::string name) : host_(host), name_(std::move(name)) {}
    ~LoggedProtocol() override { host_.logger().info("{} protocol destroyed", name_); }

    std::string_view name() const override { return name_; }
    std::unique_ptr<sdk::Session> createSession(sdk::Connection& connection) override {
        if (connection.remoteAddress() == "throw") throw std::runtime_error("no session today");
        return std::make_unique<SilentSession>();
    }

private:
    sdk::Host& host_;
    std::string name_;
};

class GoodPlugin : public sdk::Plugin {
public:
    GoodPlugin(std::string name, sdk::Magic magic) : name_(std::move(name)), magic_(magic) {}
    ~GoodPlugin() override {
        if (host_ != nullptr) host_->logger().info("{} destroyed", name_);
    }

    sdk::Result<void> start(sdk::Host& host, sdk::Registrar& registrar) override {
        host_ = &host;
        host.logger().info("{} started, greeting {}", name_, host.settings()->getString("greeting", "none"));
        if (const std::string peers = host.settings()->getString("peers", ""); !peers.empty()) {
            if (auto set = host.setOption("nsqlookupd_tcp_addresses", peers); !set) return set;
        }
        if (auto added = registrar.addProtocol(magic_, std::make_shared<LoggedProtocol>(host, name_));
            !added) {
            return added;
        }
        registrar.setFallback({{404, "text/plain", name_, {}}, {}, {}});
        if (auto added = registrar.addRoute({"GET", "/" + name_,
                                             [name = name_](const sdk::HttpRequest&) {
                                                 return sdk::HttpResponse{200, "text/plain", name, {}};
                                             }});
            !added) {
            return added;
        }
        return registrar.addRoute({"POST", "/" + name_, [](const sdk::HttpRequest&) -> sdk::HttpResponse {
                                       throw std::runtime_error("no answer\ntoday");
                                   }});
    }

    void stop() override { host_->logger().info("{} stopped", name_); }

private:
    std::string name_;
    sdk::Magic magic_;
    sdk::Host* host_ = nullptr;
};

}  // namespace nsq::test
