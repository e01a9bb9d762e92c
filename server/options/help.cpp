#include "options/help.h"

#include <spdlog/fmt/fmt.h>

#include "options/option_table.h"

namespace nsq::options {

namespace {

constexpr std::string_view kNsqd =
    "Usage: nsqd [options]\n"
    "\n"
    "A message server: nsqd 1.3.0's protocol, HTTP API and options.\n";

constexpr std::string_view kNsqlookupd =
    "Usage: nsqlookupd [options]\n"
    "\n"
    "Tells where topics are: nsqlookupd 1.3.0's protocol, HTTP API and options.\n";

constexpr std::string_view kSpellings =
    "Options may be written --name=value, --name value, -name=value or -name value. Durations look like\n"
    "250ms, 1.5s or 1h30m. [] marks what may be given many times. In the configuration file (TOML) an "
    "option\n"
    "has the name in parentheses.\n";

constexpr std::string_view kExitCodes =
    "\n"
    "Exit codes: 0 stopped as asked; 1 failed at run time, or a plugin was refused or hung; 2 bad option or\n"
    "configuration file; 3 cannot listen on an address; 4 cannot use the data directory.\n";

std::string usageOf(const OptionSpec& spec) {
    return fmt::format("--{}{}{}{}", spec.flag, isBool(spec) ? "" : "=", typeName(spec),
                       isRepeatable(spec) ? " []" : "");
}

}  // namespace

std::string helpText(Program program) {
    std::string text{program == Program::kNsqd ? kNsqd : kNsqlookupd};
    text += kSpellings;
    const OptionSpec* previous = nullptr;
    for (const OptionSpec& spec : optionTable(program)) {
        if (previous == nullptr || previous->group != spec.group) {
            text += fmt::format("\n{}:\n", groupName(spec.group));
        }
        previous = &spec;
        const std::string key = spec.key.empty() ? "" : fmt::format(" ({})", spec.key);
        text += fmt::format("  {}{}\n        {} (default: {})\n", usageOf(spec), key, spec.help,
                            defaultText(program, spec));
    }
    return text.append(kExitCodes);
}

std::string markdownTable(Program program) {
    std::string text{"| flag | config key | default | meaning |\n|---|---|---|---|\n"};
    for (const OptionSpec& spec : optionTable(program)) {
        text += fmt::format("| `{}` | {} | {} | {} |\n", usageOf(spec),
                            spec.key.empty() ? "" : fmt::format("`{}`", spec.key), defaultText(program, spec),
                            spec.help);
    }
    return text;
}

}  // namespace nsq::options
