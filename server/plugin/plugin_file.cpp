#include "plugin/plugin_file.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <span>

#include "faults/exception_text.h"
#include "plugin/elf_file.h"

namespace nsq::plugin {

namespace {

using sdk::Error;
using sdk::ErrorCode;
using sdk::PluginDescriptor;
using sdk::Result;

/// Where Boost.DLL's alias macro puts its variables.
constexpr std::string_view kAliasSection = "boostdll";

/// SDK 1.0's descriptor, in bytes. Later minor versions add to it what is 0 in a plugin that is older.
constexpr std::size_t kLeastDescriptor = 312;
static_assert(offsetof(PluginDescriptor, version) + sizeof(PluginDescriptor::version) == kLeastDescriptor);

Error reason(std::string text) {
    return {ErrorCode::kInvalid, std::move(text)};
}

/// A descriptor's text, for a message: it may be unterminated or not be text at all.
template <std::size_t Size>
std::string shown(const char (&text)[Size]) {
    return faults::oneLine({text, ::strnlen(text, Size)});
}

template <std::size_t Size>
bool isTerminated(const char (&text)[Size]) {
    return ::strnlen(text, Size) < Size;
}

/// Names stand in the configuration file and in logs.
bool isPluginName(std::string_view name) {
    return !name.empty() && std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
               c == '-';
    });
}

Result<void> checkVersion(const PluginDescriptor& descriptor) {
    if (descriptor.magic != sdk::kDescriptorMagic) {
        return reason(fmt::format("descriptor has magic number {:#018x}, needs {:#018x}", descriptor.magic,
                                  sdk::kDescriptorMagic));
    }
    if (descriptor.sdkMajor != sdk::kSdkMajor || descriptor.sdkMinor > sdk::kSdkMinor) {
        return reason(fmt::format("built with SDK {}.{}, needs SDK {}.{} or an earlier {}.x",
                                  descriptor.sdkMajor, descriptor.sdkMinor, sdk::kSdkMajor, sdk::kSdkMinor,
                                  sdk::kSdkMajor));
    }
    if (descriptor.size < kLeastDescriptor) {
        return reason(fmt::format("descriptor has {} bytes, needs {}", descriptor.size, kLeastDescriptor));
    }
    return {};
}

/// The bytes of a descriptor that both the plugin and this server know.
std::size_t knownSize(const PluginDescriptor& descriptor) {
    return std::min<std::size_t>(descriptor.size, sizeof descriptor);
}

/// The dlerror text out of Boost.DLL's wordy message, without the path, which the caller gives.
std::string loadErrorText(const std::filesystem::path& file, std::string_view text) {
    constexpr std::string_view kBefore = "dlerror system message: ";
    if (const auto begin = text.find(kBefore); begin != std::string_view::npos) {
        text.remove_prefix(begin + kBefore.size());
        text = text.substr(0, text.rfind("): "));
    }
    const std::string prefix = file.string() + ": ";
    if (text.starts_with(prefix)) text.remove_prefix(prefix.size());
    return faults::oneLine(text);
}

}  // namespace

Result<void> checkDescriptor(const PluginDescriptor& descriptor) {
    if (auto checked = checkVersion(descriptor); !checked) return checked;
    if (!isTerminated(descriptor.fingerprint) ||
        std::strcmp(descriptor.fingerprint, NSQ_SDK_FINGERPRINT) != 0) {
        return reason(
            fmt::format("built as \"{}\", needs \"{}\"", shown(descriptor.fingerprint), NSQ_SDK_FINGERPRINT));
    }
    constexpr std::uint32_t kKnownKinds = sdk::kProtocolPlugin | sdk::kHttpPlugin;
    if (descriptor.kind == 0 || (descriptor.kind & ~kKnownKinds) != 0) {
        return reason(fmt::format("has kind {:#x}, needs {:#x} (protocol), {:#x} (HTTP) or both",
                                  descriptor.kind, static_cast<std::uint32_t>(sdk::kProtocolPlugin),
                                  static_cast<std::uint32_t>(sdk::kHttpPlugin)));
    }
    if (!isTerminated(descriptor.name) || !isPluginName(descriptor.name)) {
        return reason(fmt::format("has the name \"{}\", needs 1 to {} letters, digits, '_' or '-'",
                                  shown(descriptor.name), sizeof descriptor.name - 1));
    }
    if (!isTerminated(descriptor.version)) {
        return reason(fmt::format("has the version \"{}\", needs at most {} characters",
                                  shown(descriptor.version), sizeof descriptor.version - 1));
    }
    return {};
}

Result<PluginDescriptor> inspectPlugin(const std::filesystem::path& file) {
    auto elf = ElfFile::open(file);
    if (!elf) return elf.error();

    const auto symbol = elf.value().exported(sdk::kDescriptorSymbol);
    if (!symbol) {
        return reason(
            fmt::format("exports no {}, needs one (NSQ_SDK_PLUGIN makes it)", sdk::kDescriptorSymbol));
    }
    // Another version's descriptor may be shorter: its first fields must tell.
    PluginDescriptor descriptor{};
    const std::size_t size = std::min<std::uint64_t>(symbol->size, sizeof descriptor);
    if (!symbol->isVariable || size < offsetof(PluginDescriptor, kind) ||
        !elf.value().read(*symbol, std::as_writable_bytes(std::span{&descriptor, 1}).first(size))) {
        return reason(fmt::format("its {} is not constant data of at least {} bytes", sdk::kDescriptorSymbol,
                                  offsetof(PluginDescriptor, kind)));
    }
    if (auto checked = checkDescriptor(descriptor); !checked) return checked.error();
    if (const std::size_t needed = knownSize(descriptor); size < needed) {
        return reason(fmt::format("descriptor has {} bytes, needs {}", size, needed));
    }

    // Importing an alias dereferences it: anything else under that name would crash.
    const auto factory = elf.value().exported(sdk::kFactorySymbol);
    if (!factory) {
        return reason(fmt::format("exports no {}, needs one (NSQ_SDK_PLUGIN makes it)", sdk::kFactorySymbol));
    }
    if (!factory->isVariable || factory->size != sizeof(void*) || factory->section != kAliasSection) {
        return reason(fmt::format("its {} is not a Boost.DLL alias, needs one (NSQ_SDK_PLUGIN makes it)",
                                  sdk::kFactorySymbol));
    }
    return descriptor;
}

Result<boost::dll::shared_library> mapPlugin(const std::filesystem::path& file,
                                             const PluginDescriptor& inspected) {
    boost::dll::shared_library library;
    try {
        library.load(file, boost::dll::load_mode::rtld_now | boost::dll::load_mode::rtld_local);
        const auto& mapped = library.get<const PluginDescriptor>(sdk::kDescriptorSymbol);
        if (std::memcmp(&mapped, &inspected, knownSize(inspected)) == 0) return library;
    } catch (const std::exception& e) {
        return reason("cannot be loaded: " + loadErrorText(file, e.what()));
    }
    return reason("its descriptor in memory is not the one in the file, needs constant data");
}

Result<std::unique_ptr<sdk::Plugin>> makePlugin(const boost::dll::shared_library& library) {
    try {
        auto* const factory = library.get<sdk::PluginFactory*>(sdk::kFactorySymbol);
        if (factory == nullptr) return reason(fmt::format("its {} is null", sdk::kFactorySymbol));
        std::unique_ptr<sdk::Plugin> plugin = factory();
        if (plugin == nullptr) return reason("its factory returned no plugin");
        return plugin;
    } catch (...) {
        return reason("its factory failed: " + faults::exceptionText());
    }
}

}  // namespace nsq::plugin
