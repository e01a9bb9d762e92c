#include "test_plugin.h"

namespace {
const nsq::test::MustNotRun mustNotRun;
}

NSQ_SDK_PLUGIN(nsq::test::QuietPlugin, nsq::sdk::kProtocolPlugin, "good", "2.0")
