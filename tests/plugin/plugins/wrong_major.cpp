#include "test_plugin.h"

NSQ_TEST_SPOILED_PLUGIN(descriptor.sdkMajor = nsq::sdk::kSdkMajor + 1)
