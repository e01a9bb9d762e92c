#include "test_plugin.h"

namespace {
class Failing final : public nsq::sdk::Plugin {
public:
    nsq::sdk::Result<void> start(nsq::sdk::Host&, nsq::sdk::Registrar&) override {
        return nsq::sdk::Error{nsq::sdk::ErrorCode::kInvalid, "the moon is missing"};
    }
};
}  // namespace

NSQ_SDK_PLUGIN(Failing, nsq::sdk::kProtocolPlugin, "start_error", "1.0")
