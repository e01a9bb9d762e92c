#pragma once

#include <Poco/Version.h>
#include <spdlog/version.h>
#include <boost/version.hpp>

#include <boost/dll/alias.hpp>
#include <cstdint>
#include <memory>

#include "nsq/sdk/host.h"
#include "nsq/sdk/http.h"
#include "nsq/sdk/plugin_stats.h"
#include "nsq/sdk/protocol.h"
#include "nsq/sdk/result.h"
#include "nsq/sdk/version.h"

namespace nsq::sdk {

/// Where a plugin says what it brings. Valid within Plugin::start only. THREAD: the one that calls start.
class Registrar {
public:
    /// Connections that begin with `magic` get their sessions from `protocol`. kInvalid: the magic is taken,
    /// or the plugin's kind has no protocol.
    virtual Result<void> addProtocol(Magic magic, std::shared_ptr<Protocol> protocol) = 0;

    /// kInvalid: method and path are taken, or the plugin's kind has no HTTP.
    virtual Result<void> addRoute(HttpRoute route) = 0;

    /// See HttpFallback.
    virtual void setFallback(HttpFallback fallback) = 0;

    /// The plugin has numbers of its own, shown with others' in `/plugins` and `/stats`. May be called again
    /// for more. kInvalid: there is no function. Since SDK 1.1.
    virtual Result<void> addStatistics(StatisticsSource source) = 0;

protected:
    ~Registrar() = default;
};

/// One loaded plugin. Made by its factory, destroyed after its sessions and before its library is unmapped.
///
/// start, stop and the destructor have --plugin-timeout each, 10 s by default. They run one after the other
/// on threads of the host's, not always the same one.
class Plugin {
public:
    virtual ~Plugin() = default;

    /// Registers protocols and routes. An error or an exception stops the server's start. `host` outlives the
    /// plugin. After a start that takes too long the server does not start. THREAD: the host's, before any
    /// connection is accepted.
    virtual Result<void> start(Host& host, Registrar& registrar) = 0;

    /// Only after a good start. No session and no request of the plugin is running any more. An exception is
    /// logged; so is a stop that takes too long: the server ends without it. THREAD: the host's.
    virtual void stop() {}
};

/// What a plugin brings; a plugin may bring both.
enum PluginKind : std::uint32_t { kProtocolPlugin = 1, kHttpPlugin = 2 };

/// Begins every descriptor: "nsqplug1" read as a little-endian number.
inline constexpr std::uint64_t kDescriptorMagic = 0x3167756c7071736e;

/// Read by the host before any other code of the plugin runs. Constant data without pointers: it is also
/// readable when the rest of the file cannot work. Grows at its end only, with a higher minor version.
struct PluginDescriptor {
    std::uint64_t magic;
    std::uint32_t size;
    std::uint32_t sdkMajor;
    std::uint32_t sdkMinor;
    std::uint32_t kind;  ///< PluginKind, or both or'ed
    char fingerprint[192];
    char name[64];
    char version[32];
};

#define NSQ_SDK_STRINGIFY_(x) #x
#define NSQ_SDK_STRINGIFY(x) NSQ_SDK_STRINGIFY_(x)

#if defined(__SANITIZE_ADDRESS__)
#define NSQ_SDK_SANITIZER "address"
#elif defined(__SANITIZE_THREAD__)
#define NSQ_SDK_SANITIZER "thread"
#else
#define NSQ_SDK_SANITIZER "none"
#endif

#if defined(_GLIBCXX_DEBUG)
#define NSQ_SDK_STD_LAYOUT "debug"
#else
#define NSQ_SDK_STD_LAYOUT "cxx11-" NSQ_SDK_STRINGIFY(_GLIBCXX_USE_CXX11_ABI)
#endif

/// What must be equal in host and plugin for C++ objects to cross between them.
#define NSQ_SDK_FINGERPRINT \
    "compiler " __VERSION__ "; cxx-abi " NSQ_SDK_STRINGIFY(__GXX_ABI_VERSION) "; std "            \
    NSQ_SDK_STD_LAYOUT "; poco " NSQ_SDK_STRINGIFY(POCO_VERSION) "; boost " NSQ_SDK_STRINGIFY(BOOST_VERSION) "; spdlog "       \
    NSQ_SDK_STRINGIFY(SPDLOG_VER_MAJOR) "." NSQ_SDK_STRINGIFY(SPDLOG_VER_MINOR) "; sanitizer "    \
    NSQ_SDK_SANITIZER

/// The two symbols every plugin exports.
inline constexpr const char* kDescriptorSymbol = "nsq_plugin_descriptor";
inline constexpr const char* kFactorySymbol = "nsq_plugin_factory";

/// The factory's type, behind Boost.DLL's alias. May throw: the server then does not start.
using PluginFactory = std::unique_ptr<Plugin>();

/// Exports a plugin. Once in each shared object, at namespace scope. `Class` is default-constructible and
/// derives from Plugin, `kinds` is a PluginKind or several or'ed, `pluginName` and `pluginVersion` are string
/// literals.
#define NSQ_SDK_PLUGIN(Class, kinds, pluginName, pluginVersion)                                              \
    extern "C" BOOST_SYMBOL_EXPORT const ::nsq::sdk::PluginDescriptor nsq_plugin_descriptor;                 \
    constinit const ::nsq::sdk::PluginDescriptor nsq_plugin_descriptor{::nsq::sdk::kDescriptorMagic,         \
                                                                       sizeof(::nsq::sdk::PluginDescriptor), \
                                                                       ::nsq::sdk::kSdkMajor,                \
                                                                       ::nsq::sdk::kSdkMinor,                \
                                                                       (kinds),                              \
                                                                       NSQ_SDK_FINGERPRINT,                  \
                                                                       pluginName,                           \
                                                                       pluginVersion};                       \
    namespace {                                                                                              \
    std::unique_ptr<::nsq::sdk::Plugin> nsqMakePlugin() {                                                    \
        return std::make_unique<Class>();                                                                    \
    }                                                                                                        \
    }                                                                                                        \
    BOOST_DLL_ALIAS(nsqMakePlugin, nsq_plugin_factory)

}  // namespace nsq::sdk
