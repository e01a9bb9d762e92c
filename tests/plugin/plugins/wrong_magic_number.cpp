#include "test_plugin.h"

NSQ_TEST_SPOILED_PLUGIN(descriptor.magic = 0x1234)
