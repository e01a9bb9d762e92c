#include "test_plugin.h"

namespace {
const nsq::test::MustNotRun mustNotRun;
}

extern "C" BOOST_SYMBOL_EXPORT const int nsq_plugin_descriptor;
constinit const int nsq_plugin_descriptor = 1;
BOOST_DLL_ALIAS(nsq::test::makeQuietPlugin, nsq_plugin_factory)
