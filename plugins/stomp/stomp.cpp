// STOMP as a plugin: its clients share topics and channels with those of V2.

#include <nsq/sdk/plugin.h>

#include "session.h"

using namespace nsq;

namespace {

class StompProtocol final : public sdk::Protocol {
public:
    explicit StompProtocol(sdk::Host& host) : host_(host) {}
    std::string_view name() const override { return "STOMP"; }
    std::unique_ptr<sdk::Session> createSession(sdk::Connection& connection) override {
        return stomp::makeSession(host_, connection);
    }

private:
    sdk::Host& host_;
};

class StompPlugin final : public sdk::Plugin {
public:
    sdk::Result<void> start(sdk::Host& host, sdk::Registrar& registrar) override {
        const auto protocol = std::make_shared<StompProtocol>(host);
        const sdk::Result<void> added = registrar.addProtocol({'C', 'O', 'N', 'N'}, protocol);
        return added ? registrar.addProtocol({'S', 'T', 'O', 'M'}, protocol) : added;
    }
};

}  // namespace

NSQ_SDK_PLUGIN(StompPlugin, sdk::kProtocolPlugin, "stomp", "1.0")
