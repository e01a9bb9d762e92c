#include "test_plugin.h"

NSQ_TEST_SPOILED_PLUGIN(descriptor.kind = 0x40 | nsq::sdk::kProtocolPlugin)
