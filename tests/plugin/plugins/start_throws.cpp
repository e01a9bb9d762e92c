#include "test_plugin.h"

#include <Poco/Exception.h>

namespace {
// Of the plugin's own: nothing of it may be left when the library is gone.
class OwnException final : public Poco::RuntimeException {
public:
    using Poco::RuntimeException::RuntimeException;
};

class Throwing final : public nsq::sdk::Plugin {
public:
    nsq::sdk::Result<void> start(nsq::sdk::Host&, nsq::sdk::Registrar&) override {
        throw OwnException("thrown in start");
    }
};
}  // namespace

NSQ_SDK_PLUGIN(Throwing, nsq::sdk::kProtocolPlugin, "start_throws", "1.0")
