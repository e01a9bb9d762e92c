#pragma once

#include <memory>

#include "nsq/sdk/plugin.h"

/// What NSQ_SDK_PLUGIN exports in the plugin's sources, which the test is linked with.
extern "C" const void* nsq_plugin_factory;

namespace nsq::sdk::testing {

/// A new one of the plugin that the test is linked with, made as the server does it. THREAD: the test's only.
inline std::unique_ptr<Plugin> makePlugin() {
    return reinterpret_cast<PluginFactory*>(const_cast<void*>(nsq_plugin_factory))();
}

}  // namespace nsq::sdk::testing
