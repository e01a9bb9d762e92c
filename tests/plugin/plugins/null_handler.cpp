#include "test_plugin.h"

namespace {
class Careless final : public nsq::sdk::Plugin {
public:
    nsq::sdk::Result<void> start(nsq::sdk::Host&, nsq::sdk::Registrar& registrar) override {
        return registrar.addRoute({"GET", "/none", nullptr});
    }
};
}  // namespace

NSQ_SDK_PLUGIN(Careless, nsq::sdk::kHttpPlugin, "null_handler", "1.0")
