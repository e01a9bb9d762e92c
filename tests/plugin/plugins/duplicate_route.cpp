#include "test_plugin.h"

namespace {
class Greedy final : public nsq::sdk::Plugin {
public:
    nsq::sdk::Result<void> start(nsq::sdk::Host&, nsq::sdk::Registrar& registrar) override {
        // The path of a route that comes with the server.
        return registrar.addRoute(
            {"GET", "/ping", [](const nsq::sdk::HttpRequest&) { return nsq::sdk::HttpResponse{}; }});
    }
};
}  // namespace

NSQ_SDK_PLUGIN(Greedy, nsq::sdk::kHttpPlugin, "duplicate_route", "1.0")
