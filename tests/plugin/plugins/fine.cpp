#include "good_plugin.h"

namespace {
class Fine final : public nsq::test::GoodPlugin {
public:
    Fine() : GoodPlugin("fine", {'F', 'I', 'N', 'E'}) {}
};
}  // namespace

NSQ_SDK_PLUGIN(Fine, nsq::sdk::kProtocolPlugin | nsq::sdk::kHttpPlugin, "fine", "0.1")
