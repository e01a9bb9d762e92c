#include "test_plugin.h"

NSQ_TEST_SPOILED_PLUGIN(descriptor.sdkMinor = nsq::sdk::kSdkMinor + 1)
