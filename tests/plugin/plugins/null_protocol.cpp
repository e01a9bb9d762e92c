#include "test_plugin.h"

namespace {
class Careless final : public nsq::sdk::Plugin {
public:
    nsq::sdk::Result<void> start(nsq::sdk::Host&, nsq::sdk::Registrar& registrar) override {
        return registrar.addProtocol({'N', 'O', 'N', 'E'}, nullptr);
    }
};
}  // namespace

NSQ_SDK_PLUGIN(Careless, nsq::sdk::kProtocolPlugin, "null_protocol", "1.0")
