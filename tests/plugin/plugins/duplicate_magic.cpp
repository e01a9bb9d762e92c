#include "test_plugin.h"

namespace {
class Greedy final : public nsq::sdk::Plugin {
public:
    nsq::sdk::Result<void> start(nsq::sdk::Host&, nsq::sdk::Registrar& registrar) override {
        // Even a plugin that does not care stops the start.
        static_cast<void>(
            registrar.addProtocol({' ', ' ', 'V', '2'}, std::make_shared<nsq::test::SilentProtocol>()));
        return {};
    }
};
}  // namespace

NSQ_SDK_PLUGIN(Greedy, nsq::sdk::kProtocolPlugin, "duplicate_magic", "1.0")
