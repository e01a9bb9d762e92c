#include "test_plugin.h"

#include <stdexcept>

namespace {
class Clumsy final : public nsq::sdk::Plugin {
public:
    nsq::sdk::Result<void> start(nsq::sdk::Host&, nsq::sdk::Registrar&) override { return {}; }
    void stop() override { throw std::runtime_error("stumbled"); }
};
}  // namespace

NSQ_SDK_PLUGIN(Clumsy, nsq::sdk::kProtocolPlugin, "stop_throws", "1.0")
