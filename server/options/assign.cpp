#include "options/assign.h"

#include <Poco/Dynamic/Var.h>
#include <fmt/ranges.h>
#include <spdlog/fmt/fmt.h>

#include <algorithm>

#include "options/address.h"
#include "options/values.h"

namespace nsq::options {

namespace {

using sdk::Error;
using sdk::ErrorCode;
using sdk::Result;

Error notA(std::string_view text, std::string_view what) {
    return {ErrorCode::kInvalid, fmt::format("\"{}\" is not {}", text, what)};
}

Error outOfRange(std::string_view text, std::string_view least, std::string_view most) {
    return {ErrorCode::kInvalid, fmt::format("{} is out of range, which is {} to {}", text, least, most)};
}

/// Sets one field from text; one overload for each type an option can have.
struct Assign {
    Options& options;
    const OptionSpec& spec;
    std::string_view text;

    Result<void> operator()(bool Options::*field) const {
        const auto value = parseBool(text);
        if (!value) return notA(text, "true or false");
        options.*field = *value;
        return {};
    }
    Result<void> operator()(std::int64_t Options::*field) const {
        const auto value = parseInt(text);
        if (!value) return notA(text, "an integer of 64 bits");
        if (*value < spec.range.least || *value > spec.range.most) {
            return outOfRange(text, std::to_string(spec.range.least), std::to_string(spec.range.most));
        }
        options.*field = *value;
        return {};
    }
    Result<void> operator()(Duration Options::*field) const {
        const auto value = parseDuration(text);
        if (!value) return notA(text, "a duration such as 250ms, 1.5s or 1h30m");
        if (value->count() < spec.range.least || value->count() > spec.range.most) {
            return outOfRange(text, formatDuration(Duration{spec.range.least}),
                              formatDuration(Duration{spec.range.most}));
        }
        options.*field = *value;
        return {};
    }
    Result<void> operator()(std::string Options::*field) const {
        if (spec.canBeEmpty && text.empty()) {
            options.*field = {};
            return {};
        }
        if (spec.isSecret && !isToken(text)) {
            return Error{ErrorCode::kInvalid,
                         "not a token, which is of visible ASCII characters without spaces"};
        }
        if (spec.isAddress) {
            if (const auto address = parseAddress(text); !address) return address.error();
        }
        if (!spec.choices.empty() && std::ranges::find(spec.choices, text) == spec.choices.end()) {
            return notA(text, fmt::format("one of {}", fmt::join(spec.choices, ", ")));
        }
        if (spec.isRemote && !text.empty()) {
            const auto address = parseAddress(text);
            if (!address) return address.error();
            const auto* remote = std::get_if<HostAndPort>(&address.value());
            if (remote == nullptr || remote->host.empty() || remote->port == 0)
                return notA(text, "a host and a port, as in localhost:8125");
        }
        if (spec.needsText && text.empty()) return notA(text, "a path");
        options.*field = text;
        return {};
    }
    Result<void> operator()(LogLevel Options::*field) const {
        const auto value = parseLogLevel(text);
        if (!value) return notA(text, "a log level (debug, info, warn, error, fatal)");
        options.*field = *value;
        return {};
    }
    Result<void> operator()(std::vector<std::string> Options::*field) const {
        if (spec.isAddress) {
            if (const auto address = parsePeer(text); !address) return address.error();
        } else if (text.empty()) {
            return notA(text, "a name or a path");
        }
        (options.*field).emplace_back(text);
        return {};
    }
    Result<void> operator()(TlsRequired Options::*field) const {
        const auto value = parseTlsRequired(text);
        if (!value) return notA(text, "true, false or tcp-https");
        options.*field = *value;
        return {};
    }
    Result<void> operator()(TlsVersion Options::*field) const {
        if (text.empty()) return {};  // as in nsqd's example file: the default
        const auto value = parseTlsVersion(text);
        if (!value) return notA(text, "a version of TLS (tls1.0, tls1.1, tls1.2, tls1.3)");
        options.*field = *value;
        return {};
    }
    Result<void> operator()(std::vector<double> Options::*field) const {
        for (std::string_view rest = text;;) {
            const std::size_t comma = rest.find(',');
            const std::string_view part = rest.substr(0, comma);
            const auto value = parseFloat(part);
            if (!value || !(*value > 0 && *value <= 1))
                return notA(part, "a number more than 0 and at most 1");
            (options.*field).push_back(*value);
            if (comma == std::string_view::npos) return {};
            rest.remove_prefix(comma + 1);
        }
    }
};

struct Show {
    const Options& options;

    std::string operator()(bool Options::*field) const { return options.*field ? "true" : "false"; }
    std::string operator()(std::int64_t Options::*field) const { return std::to_string(options.*field); }
    std::string operator()(Duration Options::*field) const { return formatDuration(options.*field); }
    std::string operator()(LogLevel Options::*field) const { return formatLogLevel(options.*field); }
    std::string operator()(TlsRequired Options::*field) const { return formatTlsRequired(options.*field); }
    std::string operator()(TlsVersion Options::*field) const { return formatTlsVersion(options.*field); }
    std::string operator()(std::string Options::*field) const {
        const std::string& value = options.*field;
        // Quoted where a reader could not see its end.
        if (value.ends_with(' ')) return fmt::format("\"{}\"", value);
        return value.empty() ? "none" : value;
    }
    std::string operator()(std::vector<std::string> Options::*field) const {
        return (options.*field).empty() ? "none" : fmt::format("{}", fmt::join(options.*field, ","));
    }
    std::string operator()(std::vector<double> Options::*field) const {
        return (options.*field).empty() ? "none" : fmt::format("{}", fmt::join(options.*field, ","));
    }
};

struct ConfigValue {
    const Options& options;

    Poco::Dynamic::Var operator()(Duration Options::*field) const {
        return static_cast<std::int64_t>((options.*field).count());
    }
    Poco::Dynamic::Var operator()(LogLevel Options::*field) const { return static_cast<int>(options.*field); }
    Poco::Dynamic::Var operator()(TlsRequired Options::*field) const {
        return static_cast<int>(options.*field);
    }
    Poco::Dynamic::Var operator()(TlsVersion Options::*field) const {
        return static_cast<int>(options.*field);
    }
    Poco::Dynamic::Var operator()(std::vector<std::string> Options::*field) const {
        return Poco::Dynamic::Array((options.*field).begin(), (options.*field).end());
    }
    Poco::Dynamic::Var operator()(std::vector<double> Options::*field) const {
        return Poco::Dynamic::Array((options.*field).begin(), (options.*field).end());
    }
    Poco::Dynamic::Var operator()(auto field) const { return options.*field; }
};

}  // namespace

Result<void> assign(Options& options, const OptionSpec& spec, std::string_view text) {
    return std::visit(Assign{options, spec, text}, spec.field);
}

void clear(Options& options, const OptionSpec& spec) {
    if (const auto* texts = std::get_if<std::vector<std::string> Options::*>(&spec.field)) {
        (options.*(*texts)).clear();
    } else if (const auto* numbers = std::get_if<std::vector<double> Options::*>(&spec.field)) {
        (options.*(*numbers)).clear();
    }
}

std::string showValue(const Options& options, const OptionSpec& spec) {
    return std::visit(Show{options}, spec.field);
}

Poco::Dynamic::Var configValue(const Options& options, const OptionSpec& spec) {
    return std::visit(ConfigValue{options}, spec.field);
}

}  // namespace nsq::options
