#include "test_plugin.h"

namespace {
class Sneaky final : public nsq::sdk::Plugin {
public:
    nsq::sdk::Result<void> start(nsq::sdk::Host&, nsq::sdk::Registrar& registrar) override {
        return registrar.addProtocol({'S', 'N', 'K', 'Y'}, std::make_shared<nsq::test::SilentProtocol>());
    }
};
}  // namespace

NSQ_SDK_PLUGIN(Sneaky, nsq::sdk::kHttpPlugin, "protocol_without_kind", "1.0")
