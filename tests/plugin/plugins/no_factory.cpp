#include "test_plugin.h"

namespace {
const nsq::test::MustNotRun mustNotRun;
}

NSQ_TEST_DESCRIPTOR(nsq::test::goodDescriptor)
