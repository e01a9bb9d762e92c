#include "options/config_file.h"

#include <spdlog/fmt/fmt.h>

#include <toml++/toml.h>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "options/assign.h"
#include "options/option_table.h"

namespace nsq::options {

namespace {

using sdk::Error;
using sdk::ErrorCode;
using sdk::Result;

/// Reads one file into one Options.
class Reader {
public:
    Reader(Options& options, const std::string& path) : options_(options), path_(path) {}

    Result<void> read(const toml::table& file) {
        for (const auto& [key, node] : file) {
            const auto done = key.str() == "plugin" ? readPlugins(node) : readOption(key.str(), node);
            if (!done) return done;
        }
        return {};
    }

    /// One line, although the parser and the file's own texts may bring line ends.
    Error refusal(const toml::source_region& where, std::string_view why) const {
        std::string text = fmt::format("config file {}, line {}: {}", path_, where.begin.line, why);
        std::ranges::replace_if(
            text, [](unsigned char c) { return c < ' ' || c == 0x7f; }, ' ');
        return {ErrorCode::kInvalid, std::move(text)};
    }

private:
    Result<void> readOption(std::string_view key, const toml::node& node) {
        const OptionSpec* spec = findKey(options_.program, key);
        if (spec == nullptr) return refusal(node.source(), fmt::format("unknown option {}", key));
        const toml::array* array = node.as_array();
        if (!isRepeatable(*spec)) return readValue(*spec, node);
        clear(options_, *spec);
        if (node.is_string() && isNumbers(*spec)) return readValue(*spec, node);
        if (array == nullptr) return refusal(node.source(), fmt::format("{}: needs an array", key));
        for (const toml::node& element : *array) {
            if (auto done = readValue(*spec, element); !done) return done;
        }
        return {};
    }

    Result<void> readValue(const OptionSpec& spec, const toml::node& node) {
        auto text = scalarText(node);
        const bool isText = std::holds_alternative<std::string Options::*>(spec.field);
        if (!text || (isText && !node.is_string()))
            return refusal(node.source(), fmt::format("{}: needs {}", spec.key, typeOf(spec)));
        if (node.is_integer() && std::holds_alternative<Duration Options::*>(spec.field)) *text += "ms";
        const auto done = assign(options_, spec, *text);
        if (!done) return refusal(node.source(), fmt::format("{}: {}", spec.key, done.error().text));
        return {};
    }

    /// The table `plugin`, which holds one table for each plugin.
    Result<void> readPlugins(const toml::node& node) {
        const toml::table* plugins = node.as_table();
        if (plugins == nullptr) {
            return refusal(node.source(),
                           "plugin: needs tables [plugin.NAME]; the list of plugins is `plugins`");
        }
        for (const auto& [name, settings] : *plugins) {
            if (!settings.is_table()) {
                return refusal(settings.source(), fmt::format("plugin.{}: needs to be a table", name.str()));
            }
            auto& into = options_.pluginSettings[std::string{name.str()}];
            for (const auto& [key, value] : *settings.as_table()) {
                if (auto done = flatten(into, std::string{key.str()}, value); !done) return done;
            }
        }
        return {};
    }

    Result<void> flatten(PluginSettings& into, const std::string& key, const toml::node& node) {
        if (const toml::table* table = node.as_table()) {
            for (const auto& [inner, value] : *table) {
                if (auto done = flatten(into, fmt::format("{}.{}", key, inner.str()), value); !done)
                    return done;
            }
        } else if (const toml::array* array = node.as_array()) {
            for (std::size_t i = 0; i < array->size(); ++i) {
                if (auto done = flatten(into, fmt::format("{}[{}]", key, i), (*array)[i]); !done) return done;
            }
        } else if (auto text = scalarText(node)) {
            into[key] = *std::move(text);
        } else {
            return refusal(node.source(), fmt::format("{}: dates and times are not supported", key));
        }
        return {};
    }

    static std::optional<std::string> scalarText(const toml::node& node) {
        if (const auto* text = node.as_string()) return text->get();
        if (const auto* integer = node.as_integer()) return std::to_string(integer->get());
        if (const auto* flag = node.as_boolean()) return flag->get() ? "true" : "false";
        // With its point, so that 5.0 does not pass for an integer.
        if (const auto* number = node.as_floating_point()) return fmt::format("{:#}", number->get());
        return std::nullopt;
    }

    static std::string_view typeOf(const OptionSpec& spec) {
        if (isBool(spec)) return "true or false";
        if (isNumbers(spec)) return "numbers";
        if (isRepeatable(spec)) return "strings";
        return std::holds_alternative<std::string Options::*>(spec.field) ? "a string" : "a single value";
    }

    Options& options_;
    const std::string& path_;
};

}  // namespace

Result<void> readConfigFile(Options& options, const std::string& path) {
    std::ifstream stream{path, std::ios::binary};
    // A directory opens, but does not read.
    if (!stream || stream.peek() == std::ifstream::traits_type::eof()) {
        if (!stream.is_open() || stream.bad()) {
            return Error{ErrorCode::kInvalid,
                         fmt::format("config file {}: cannot be read: {}", path, std::strerror(errno))};
        }
        return {};
    }
    Reader reader{options, path};
    try {
        return reader.read(toml::parse(stream, path));
    } catch (const toml::parse_error& error) {
        return reader.refusal(error.source(), error.description());
    }
}

}  // namespace nsq::options
