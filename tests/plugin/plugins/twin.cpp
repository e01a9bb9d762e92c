#include "good_plugin.h"

namespace {
/// Another name, but the magic of the plugin "good".
class Twin final : public nsq::test::GoodPlugin {
public:
    Twin() : GoodPlugin("twin", {'G', 'O', 'O', 'D'}) {}
};
}  // namespace

NSQ_SDK_PLUGIN(Twin, nsq::sdk::kProtocolPlugin | nsq::sdk::kHttpPlugin, "twin", "1.0")
