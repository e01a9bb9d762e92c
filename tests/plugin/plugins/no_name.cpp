#include "test_plugin.h"

NSQ_TEST_SPOILED_PLUGIN(descriptor.name[0] = '\0')
