#include "test_plugin.h"

NSQ_TEST_SPOILED_PLUGIN(for (char& c : descriptor.name) c = 'n')
