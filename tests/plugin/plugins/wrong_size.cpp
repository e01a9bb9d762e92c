#include "test_plugin.h"

NSQ_TEST_SPOILED_PLUGIN(descriptor.size = 100)
