#pragma once

#include <cstdlib>
#include <memory>

#include "nsq/sdk/plugin.h"

/// Pieces for plugins that are wrong in exactly one way.
namespace nsq::test {

/// A plugin that does nothing, well.
class QuietPlugin : public sdk::Plugin {
public:
    sdk::Result<void> start(sdk::Host&, sdk::Registrar&) override { return {}; }
};

/// A session that takes everything and says nothing.
class SilentSession final : public sdk::Session {
public:
    std::size_t onData(sdk::Bytes data) override { return data.size(); }
    std::size_t maxPending() const override { return 1; }
};

class SilentProtocol final : public sdk::Protocol {
public:
    std::string_view name() const override { return "silent"; }
    std::unique_ptr<sdk::Session> createSession(sdk::Connection&) override {
        return std::make_unique<SilentSession>();
    }
};

/// What NSQ_SDK_PLUGIN would say, to be spoiled.
constexpr sdk::PluginDescriptor goodDescriptor() {
    return {sdk::kDescriptorMagic, sizeof(sdk::PluginDescriptor), sdk::kSdkMajor, sdk::kSdkMinor,
            sdk::kProtocolPlugin,  NSQ_SDK_FINGERPRINT,           "bad",          "1.0"};
}

inline std::unique_ptr<sdk::Plugin> makeQuietPlugin() {
    return std::make_unique<QuietPlugin>();
}

/// Ends the process if the file is mapped: these plugins must be refused before that.
struct MustNotRun {
    MustNotRun() { std::_Exit(77); }
};

}  // namespace nsq::test

/// Exports what `makeDescriptor()` returns.
#define NSQ_TEST_DESCRIPTOR(makeDescriptor)                                                  \
    extern "C" BOOST_SYMBOL_EXPORT const ::nsq::sdk::PluginDescriptor nsq_plugin_descriptor; \
    constinit const ::nsq::sdk::PluginDescriptor nsq_plugin_descriptor = makeDescriptor();

/// A whole plugin whose descriptor is wrong; none of its code may run.
#define NSQ_TEST_SPOILED_PLUGIN(spoil)                                           \
    namespace {                                                                  \
    constexpr ::nsq::sdk::PluginDescriptor spoiledDescriptor() {                 \
        ::nsq::sdk::PluginDescriptor descriptor = ::nsq::test::goodDescriptor(); \
        spoil;                                                                   \
        return descriptor;                                                       \
    }                                                                            \
    const ::nsq::test::MustNotRun mustNotRun;                                    \
    }                                                                            \
    NSQ_TEST_DESCRIPTOR(spoiledDescriptor)                                       \
    BOOST_DLL_ALIAS(::nsq::test::makeQuietPlugin, nsq_plugin_factory)
