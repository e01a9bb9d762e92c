#include "test_plugin.h"

namespace {
class Sneaky final : public nsq::sdk::Plugin {
public:
    nsq::sdk::Result<void> start(nsq::sdk::Host&, nsq::sdk::Registrar& registrar) override {
        return registrar.addRoute(
            {"GET", "/sneaky", [](const nsq::sdk::HttpRequest&) { return nsq::sdk::HttpResponse{}; }});
    }
};
}  // namespace

NSQ_SDK_PLUGIN(Sneaky, nsq::sdk::kProtocolPlugin, "route_without_http", "1.0")
