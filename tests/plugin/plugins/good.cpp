#include "good_plugin.h"

namespace {
class Good final : public nsq::test::GoodPlugin {
public:
    Good() : GoodPlugin("good", {'G', 'O', 'O', 'D'}) {}
};
}  // namespace

NSQ_SDK_PLUGIN(Good, nsq::sdk::kProtocolPlugin | nsq::sdk::kHttpPlugin, "good", "1.0")
