#include "test_plugin.h"

NSQ_TEST_SPOILED_PLUGIN(descriptor.fingerprint[0] = 'K')
