#include "options/command_line.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <functional>
#include <set>
#include <string_view>
#include <vector>

#include "options/assign.h"
#include "options/config_file.h"
#include "options/option_table.h"
#include "options/values.h"

namespace nsq::options {

namespace {

using sdk::Error;
using sdk::ErrorCode;
using sdk::Result;

struct Flag {
    const OptionSpec* spec;
    std::string_view value;
};

Error refusal(std::string text) {
    return {ErrorCode::kInvalid, std::move(text)};
}

/// The flag at the front of `arguments`, which loses it and its value.
Result<Flag> takeFlag(Program program, std::span<const std::string>& arguments) {
    const std::string_view argument = arguments.front();
    arguments = arguments.subspan(1);
    std::string_view name = argument;
    if (!name.starts_with('-') || name == "-") {
        return refusal(fmt::format("unexpected argument \"{}\": options begin with --", argument));
    }
    name.remove_prefix(name.starts_with("--") ? 2 : 1);
    const std::size_t equals = name.find('=');
    const bool hasValue = equals != std::string_view::npos;
    const std::string_view value = hasValue ? name.substr(equals + 1) : std::string_view{};
    name = name.substr(0, equals);
    const OptionSpec* spec = findFlag(program, name == "h" ? "help" : name);
    if (spec == nullptr)
        return refusal(fmt::format("unknown option {}", argument.substr(0, argument.find('='))));
    if (hasValue) return Flag{spec, value};
    if (isSwitch(*spec)) return Flag{spec, "true"};
    if (arguments.empty()) return refusal(fmt::format("option --{}: needs a value", spec->flag));
    const std::string_view next = arguments.front();
    arguments = arguments.subspan(1);
    return Flag{spec, next};
}

Result<std::vector<Flag>> takeFlags(Program program, std::span<const std::string> arguments) {
    std::vector<Flag> flags;
    while (!arguments.empty()) {
        const auto flag = takeFlag(program, arguments);
        if (!flag) return flag.error();
        flags.push_back(flag.value());
    }
    return flags;
}

Result<void> setAll(Options& options, std::span<const Flag> flags) {
    std::set<const OptionSpec*> seen;
    for (const auto& [spec, value] : flags) {
        // The first of a repeated flag replaces what the file says.
        if (seen.insert(spec).second) clear(options, *spec);
        if (const auto done = assign(options, *spec, value); !done) {
            return refusal(fmt::format("option --{}: {}", spec->flag, done.error().text));
        }
        // As nsqd has it: the greatest first, while those of a file stay as they are.
        if (const auto* numbers = std::get_if<std::vector<double> Options::*>(&spec->field)) {
            std::ranges::sort(options.*(*numbers), std::greater<>{});
        }
    }
    return {};
}

Result<void> validateTls(const Options& options) {
    if (options.tlsCert.empty() != options.tlsKey.empty()) {
        return refusal(options.tlsKey.empty() ? "option --tls-cert: needs --tls-key"
                                              : "option --tls-key: needs --tls-cert");
    }
    if (!options.tlsCert.empty()) return {};
    constexpr std::string_view kNeeds = "needs --tls-cert and --tls-key";
    if (!options.tlsClientAuthPolicy.empty())
        return refusal(fmt::format("option --tls-client-auth-policy: {}", kNeeds));
    if (options.tlsRequired != TlsRequired::kNone)
        return refusal(fmt::format("option --tls-required: {}", kNeeds));
    return {};
}

}  // namespace

Result<Options> parseCommandLine(std::span<const std::string> arguments, const Options& defaults) {
    const auto flags = takeFlags(defaults.program, arguments);
    if (!flags) return flags.error();
    Options options = defaults;
    if (const auto done = setAll(options, flags.value()); !done) return done.error();
    if (options.help) return options;
    if (const std::string path = options.config; !path.empty()) {
        options = defaults;
        if (const auto done = readConfigFile(options, path); !done) return done.error();
        if (const auto done = setAll(options, flags.value()); !done) return done.error();
    }
    if (!options.tlsClientAuthPolicy.empty() && options.tlsRequired == TlsRequired::kNone) {
        options.tlsRequired = TlsRequired::kAll;
    }
    if (const auto done = validate(options); !done) return done.error();
    return options;
}

Result<void> validate(const Options& options) {
    if (options.minOutputBufferTimeout > options.maxOutputBufferTimeout) {
        return refusal(fmt::format(
            "option --min-output-buffer-timeout: {} is more than --max-output-buffer-timeout, {}",
            formatDuration(options.minOutputBufferTimeout), formatDuration(options.maxOutputBufferTimeout)));
    }
    if (!options.httpAuthToken.empty() && !options.httpAuthTokenFile.empty()) {
        return refusal("option --http-auth-token-file: not with --http-auth-token, which is a token as well");
    }
    if (options.daemon && options.logFile.empty()) {
        return refusal("option --daemon: needs --log-file, for a daemon has no standard error");
    }
    if (options.daemon && !options.exportDiskqueue.empty()) {
        return refusal("option --daemon: not with --export-diskqueue, which ends by itself");
    }
    return validateTls(options);
}

}  // namespace nsq::options
