#include "test_plugin.h"

// The factory is a function under its own name: imported as an alias it would be read as a pointer.
namespace {
const nsq::test::MustNotRun mustNotRun;
}

NSQ_TEST_DESCRIPTOR(nsq::test::goodDescriptor)

extern "C" BOOST_SYMBOL_EXPORT void nsq_plugin_factory();
void nsq_plugin_factory() {}
