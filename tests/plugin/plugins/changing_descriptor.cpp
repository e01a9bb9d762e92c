#include "test_plugin.h"

// Correct in the file, but written to by the time the plugin is mapped.
extern "C" BOOST_SYMBOL_EXPORT nsq::sdk::PluginDescriptor nsq_plugin_descriptor;
constinit nsq::sdk::PluginDescriptor nsq_plugin_descriptor = nsq::test::goodDescriptor();

namespace {
struct Change {
    Change() { nsq_plugin_descriptor.sdkMajor = 2; }
};
const Change change;
}  // namespace

BOOST_DLL_ALIAS(nsq::test::makeQuietPlugin, nsq_plugin_factory)
