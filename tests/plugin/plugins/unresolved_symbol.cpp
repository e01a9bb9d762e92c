#include "test_plugin.h"

extern "C" int nsq_test_function_that_is_nowhere();

namespace {
class Unresolved final : public nsq::sdk::Plugin {
public:
    nsq::sdk::Result<void> start(nsq::sdk::Host&, nsq::sdk::Registrar&) override {
        if (nsq_test_function_that_is_nowhere() == 0) return {};
        return nsq::sdk::Error{nsq::sdk::ErrorCode::kInternal, "not reached"};
    }
};
}  // namespace

NSQ_SDK_PLUGIN(Unresolved, nsq::sdk::kProtocolPlugin, "unresolved_symbol", "1.0")
