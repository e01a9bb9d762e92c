#include "test_plugin.h"

namespace {
std::unique_ptr<nsq::sdk::Plugin> none() {
    return nullptr;
}
}  // namespace

NSQ_TEST_DESCRIPTOR(nsq::test::goodDescriptor)
BOOST_DLL_ALIAS(none, nsq_plugin_factory)
