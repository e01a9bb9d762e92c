#include "test_plugin.h"

namespace {
class Careless final : public nsq::sdk::Plugin {
public:
    nsq::sdk::Result<void> start(nsq::sdk::Host&, nsq::sdk::Registrar& registrar) override {
        registrar.setFallback({});
        return {};
    }
};
}  // namespace

NSQ_SDK_PLUGIN(Careless, nsq::sdk::kProtocolPlugin, "fallback_without_http", "1.0")
