#include <catch2/catch.hpp>
#include <map>

#include "nsq/sdk/plugin.h"
#include "unit/plugin/fixture.h"

using namespace nsq;
using plugin::PluginHost;
using plugin::resolvePlugin;
using plugin::test::contentOf;
using plugin::test::FakeServer;
using plugin::test::TemporaryDirectory;
using plugin::test::testPlugin;

namespace {

/// Loads and starts the plugins, in order. The error, or an empty text.
std::string run(const std::vector<std::filesystem::path>& files) {
    FakeServer server;
    PluginHost host;
    for (const auto& file : files) {
        if (auto loaded = host.load(file); !loaded) return loaded.error().text;
    }
    const auto started = host.start(server.context());
    return started ? "" : started.error().text;
}

/// What follows the file's name in the refusal of the last plugin; all of it if it does not begin as it
/// should.
std::string reason(const std::vector<std::filesystem::path>& files) {
    const std::string text = run(files);
    const std::string prefix = "plugin " + files.back().string() + ": ";
    return text.starts_with(prefix) ? text.substr(prefix.size()) : "not the prefix: " + text;
}

}  // namespace

TEST_CASE("each bad plugin is refused with the file and the reason in one line") {
    const std::string fingerprint = NSQ_SDK_FINGERPRINT;
    const std::map<std::string, std::string> reasons{
        {"changing_descriptor", "its descriptor in memory is not the one in the file, needs constant data"},
        {"duplicate_magic", "start failed: the magic   V2 is taken"},
        {"duplicate_route", "start failed: the route GET /ping is taken"},
        {"endless_name",
         "has the name \"" + std::string(64, 'n') + "\", needs 1 to 63 letters, digits, '_' or '-'"},
        {"factory_null", "its factory returned no plugin"},
        {"factory_throws", "its factory failed: no luck today"},
        {"fallback_without_http", "start failed: the fallback needs the kind HTTP (0x2), has kind 0x1"},
        {"kind_none", "has kind 0x0, needs 0x1 (protocol), 0x2 (HTTP) or both"},
        {"kind_unknown", "has kind 0x41, needs 0x1 (protocol), 0x2 (HTTP) or both"},
        {"newer_minor", "built with SDK 1.2, needs SDK 1.1 or an earlier 1.x"},
        {"no_descriptor", "exports no nsq_plugin_descriptor, needs one (NSQ_SDK_PLUGIN makes it)"},
        {"no_factory", "exports no nsq_plugin_factory, needs one (NSQ_SDK_PLUGIN makes it)"},
        {"no_name", "has the name \"\", needs 1 to 63 letters, digits, '_' or '-'"},
        {"null_handler", "start failed: route GET /none needs a handler, has none"},
        {"null_protocol", "start failed: protocol magic \"NONE\" needs a protocol, has none"},
        {"plain_factory",
         "its nsq_plugin_factory is not a Boost.DLL alias, needs one (NSQ_SDK_PLUGIN makes it)"},
        {"protocol_without_kind",
         "start failed: protocol magic \"SNKY\" needs the kind protocol (0x1), has kind 0x2"},
        {"route_without_http", "start failed: route GET /sneaky needs the kind HTTP (0x2), has kind 0x1"},
        {"short_descriptor", "its nsq_plugin_descriptor is not constant data of at least 20 bytes"},
        {"start_error", "start failed: the moon is missing"},
        {"start_throws", "start failed: Runtime exception: thrown in start"},
        {"unresolved_symbol", "cannot be loaded: undefined symbol: nsq_test_function_that_is_nowhere"},
        {"wrong_fingerprint", "built as \"K" + fingerprint.substr(1) + "\", needs \"" + fingerprint + "\""},
        {"wrong_magic_number", "descriptor has magic number 0x0000000000001234, needs 0x3167756c7071736e"},
        {"wrong_major", "built with SDK 2.1, needs SDK 1.1 or an earlier 1.x"},
        {"wrong_size", "descriptor has 100 bytes, needs " + std::to_string(sizeof(sdk::PluginDescriptor))},
    };
    for (const auto& [name, expected] : reasons) {
        CAPTURE(name);
        CHECK(reason({testPlugin(name)}) == expected);
        CHECK(reason({testPlugin("good"), testPlugin(name)}) == expected);
    }
}

TEST_CASE("a file that is no plugin is refused") {
    const TemporaryDirectory directory;
    const std::string good = contentOf(testPlugin("good"));
    CHECK(reason({directory.path() / "none.so"}) == "no such file");
    CHECK(reason({directory.path()}) == "is a directory, not an ELF shared object");
    CHECK(reason({directory.write("empty.so", "")}) == "not an ELF shared object: the file is empty");
    CHECK(reason({directory.write("text.so", "hello")}) == "not an ELF shared object");
    CHECK(reason({directory.write("half.so", good.substr(0, good.size() / 2))})
              .starts_with("truncated or damaged ELF file: "));
    CHECK(reason({"/proc/self/exe"}).starts_with("exports no nsq_plugin_descriptor"));
}

TEST_CASE("names, magics and routes belong to one plugin") {
    CHECK(reason({testPlugin("good"), testPlugin("duplicate_name")}) ==
          "has the name \"good\", which " + testPlugin("good").string() + " has already; needs another");
    CHECK(reason({testPlugin("good"), testPlugin("good")}) ==
          "has the name \"good\", which " + testPlugin("good").string() + " has already; needs another");
    CHECK(reason({testPlugin("good"), testPlugin("twin")}) ==
          "start failed: the magic GOOD is taken (plugin good has it)");
    CHECK(run({testPlugin("good"), testPlugin("fine")}).empty());
}

TEST_CASE("a name means a file of the plugin directory, anything else a path") {
    const TemporaryDirectory directory;
    const auto file = directory.write("mine.so", "");
    const auto resolved = [](const std::string& name, const std::filesystem::path& pluginDir) {
        const auto result = resolvePlugin(name, pluginDir);
        return result ? result.value().string() : result.error().text;
    };
    CHECK(resolved("mine", directory.path()) == file);
    CHECK(resolved(file.string(), "/nowhere") == file);
    CHECK(resolved((directory.path() / "." / "mine.so").string(), "/nowhere") == file);
    CHECK(resolved("yours", directory.path()) ==
          "plugin yours: no such file: " + (directory.path() / "yours.so").string() +
              ", needs it in the plugin directory or a path");
    CHECK(resolved("/nowhere/at all", directory.path()) == "plugin /nowhere/at all: no such file");
    CHECK(resolved("mine.so", directory.path()) ==
          "plugin " + (std::filesystem::current_path() / "mine.so").string() + ": no such file");
    CHECK(resolved("", directory.path()) == "plugin \"\": needs a name or a path, has neither");
    CHECK(resolved(std::string(100'000, 'x'), directory.path()).starts_with("plugin xxx"));
}
