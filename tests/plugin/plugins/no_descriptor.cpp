#include "test_plugin.h"

namespace {
const nsq::test::MustNotRun mustNotRun;
}

BOOST_DLL_ALIAS(nsq::test::makeQuietPlugin, nsq_plugin_factory)
