#include "plugin/plugin_file.h"

#include <catch2/catch.hpp>
#include <cstring>

#include "faults/exception_text.h"
#include "unit/plugin/fixture.h"

using namespace nsq;
using Catch::Matchers::Equals;
using Catch::Matchers::StartsWith;

namespace {

sdk::PluginDescriptor good() {
    return {sdk::kDescriptorMagic, sizeof(sdk::PluginDescriptor), sdk::kSdkMajor, sdk::kSdkMinor,
            sdk::kHttpPlugin,      NSQ_SDK_FINGERPRINT,           "good",         "1.0"};
}

template <typename Spoil>
std::string refusal(Spoil spoil) {
    sdk::PluginDescriptor descriptor = good();
    spoil(descriptor);
    const auto checked = plugin::checkDescriptor(descriptor);
    return checked ? "" : checked.error().text;
}

}  // namespace

TEST_CASE("a descriptor like ours passes") {
    CHECK(plugin::checkDescriptor(good()).ok());
    CHECK(refusal([](auto& d) { d.kind = sdk::kProtocolPlugin | sdk::kHttpPlugin; }).empty());
    CHECK(refusal([](auto& d) { d.size += 100; }).empty());
    CHECK(refusal([](auto& d) { std::memset(d.version, 0, sizeof d.version); }).empty());
}

TEST_CASE("a descriptor of an older minor version passes") {
    CHECK(refusal([](auto& d) { d.sdkMinor = 0; }).empty());
}

TEST_CASE("a version that does not fit is told before anything that may have moved with it") {
    const auto text = refusal([](auto& d) {
        d.sdkMajor = 7;
        d.size = 30;
        std::memset(d.fingerprint, 'x', sizeof d.fingerprint);
    });
    CHECK_THAT(text, Equals("built with SDK 7.1, needs SDK 1.1 or an earlier 1.x"));
    CHECK_THAT(refusal([](auto& d) { d.sdkMinor = sdk::kSdkMinor + 1; }),
               Equals("built with SDK 1.2, needs SDK 1.1 or an earlier 1.x"));
}

TEST_CASE("text without an end is never read beyond its field") {
    CHECK_THAT(
        refusal([](auto& d) { std::memset(d.fingerprint, 'x', sizeof d.fingerprint); }),
        StartsWith("built as \"" + std::string(sizeof good().fingerprint, 'x') + "\", needs \"compiler "));
    CHECK_THAT(
        refusal([](auto& d) { std::memset(d.name, 'n', sizeof d.name); }),
        StartsWith("has the name \"" + std::string(sizeof good().name, 'n') + "\", needs 1 to 63 letters"));
    CHECK_THAT(
        refusal([](auto& d) { std::memset(d.version, '9', sizeof d.version); }),
        StartsWith("has the version \"" + std::string(sizeof good().version, '9') + "\", needs at most 31"));
}

TEST_CASE("a name must be fit for the configuration file and the log") {
    for (const char* name : {"", "a b", "a.b", "a\nb", "a/b", "\xc3\xa4"}) {
        CAPTURE(name);
        const auto text = refusal([&](auto& d) {
            std::memset(d.name, 0, sizeof d.name);
            std::strncpy(d.name, name, sizeof d.name - 1);
        });
        CHECK_THAT(text, StartsWith("has the name \""));
        CHECK(text.find('\n') == std::string::npos);
    }
}

TEST_CASE("an alias in place keeps inspecting side effect free") {
    // The file would end the process if it were mapped.
    CHECK_FALSE(plugin::inspectPlugin(plugin::test::testPlugin("wrong_major")).ok());
    const auto inspected = plugin::inspectPlugin(plugin::test::testPlugin("duplicate_name"));
    REQUIRE(inspected.ok());
    CHECK(std::string(inspected.value().name) == "good");
}

TEST_CASE("a text of many lines becomes one") {
    CHECK(faults::oneLine("a\r\nb\tc\x7f"
                          "d\n") == "a  b c d");
    CHECK(faults::oneLine("").empty());
    CHECK(faults::oneLine(std::string(5000, 'x')).size() == 1000);
    const std::string text = [] {
        try {
            throw 7;
        } catch (...) {
            return faults::exceptionText();
        }
    }();
    CHECK(text == "an exception of unknown type");
}
