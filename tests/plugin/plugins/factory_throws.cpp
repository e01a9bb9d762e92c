#include "test_plugin.h"

#include <stdexcept>

namespace {
std::unique_ptr<nsq::sdk::Plugin> throwing() {
    throw std::runtime_error("no\nluck today");
}
}  // namespace

NSQ_TEST_DESCRIPTOR(nsq::test::goodDescriptor)
BOOST_DLL_ALIAS(throwing, nsq_plugin_factory)
