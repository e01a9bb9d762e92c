#include "options/values.h"

#include <Poco/String.h>
#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace nsq::options {

namespace {

/// Room for any product of two 64-bit numbers.
__extension__ using Wide = __int128;

constexpr std::array<std::string_view, 5> kLogLevels{"debug", "info", "warn", "error", "fatal"};
constexpr std::array<std::string_view, 4> kTlsVersions{"tls1.0", "tls1.1", "tls1.2", "tls1.3"};
constexpr std::string_view kTcpHttps = "tcp-https";

constexpr bool isDigit(char c) {
    return c >= '0' && c <= '9';
}

std::string_view takeDigits(std::string_view& text) {
    const auto* const end = std::ranges::find_if_not(text, isDigit);
    const std::string_view digits{text.begin(), end};
    text.remove_prefix(digits.size());
    return digits;
}

/// Nanoseconds of a unit's name; 0 when there is no such unit.
std::int64_t unitOf(std::string_view name) {
    // Both signs for micro: U+00B5 and the Greek letter U+03BC.
    constexpr std::array<std::pair<std::string_view, std::int64_t>, 8> kUnits{{
        {"ns", 1},
        {"us", 1'000},
        {"\u00b5s", 1'000},
        {"\u03bcs", 1'000},
        {"ms", 1'000'000},
        {"s", 1'000'000'000},
        {"m", 60'000'000'000},
        {"h", 3'600'000'000'000},
    }};
    const auto* const unit = std::ranges::find(kUnits, name, &decltype(kUnits)::value_type::first);
    return unit == kUnits.end() ? 0 : unit->second;
}

/// One number with its unit, removed from `text`.
std::optional<Wide> takeTerm(std::string_view& text) {
    const std::string_view whole = takeDigits(text);
    std::string_view fraction;
    if (text.starts_with('.')) {
        text.remove_prefix(1);
        fraction = takeDigits(text);
    }
    if (whole.empty() && fraction.empty()) return std::nullopt;
    const auto* const end = std::ranges::find_if(text, [](char c) { return c == '.' || isDigit(c); });
    const std::int64_t unit = unitOf({text.begin(), end});
    text.remove_prefix(static_cast<std::size_t>(end - text.begin()));
    std::uint64_t count = 0;
    if (!whole.empty() &&
        std::from_chars(whole.data(), whole.data() + whole.size(), count).ec != std::errc{}) {
        return std::nullopt;
    }
    if (unit == 0) return std::nullopt;
    Wide nanoseconds = static_cast<Wide>(count) * unit;
    Wide numerator = 0;
    Wide denominator = 1;
    constexpr std::size_t kUsefulDigits = 18;  // beyond them lies less than a nanosecond of any unit
    for (const char digit : fraction.substr(0, kUsefulDigits)) {
        numerator = numerator * 10 + (digit - '0');
        denominator *= 10;
    }
    return nanoseconds + numerator * unit / denominator;
}

bool takeSign(std::string_view& text) {
    const bool negative = text.starts_with('-');
    if (negative || text.starts_with('+')) text.remove_prefix(1);
    return negative;
}

/// The base a prefix tells, which is removed.
int takeBase(std::string_view& text) {
    if (text.size() < 2 || text[0] != '0') return 10;
    const char letter = static_cast<char>(text[1] | 0x20);
    const int base = letter == 'x' ? 16 : letter == 'b' ? 2 : letter == 'o' ? 8 : 0;
    text.remove_prefix(base == 0 ? 1 : 2);
    return base == 0 ? 8 : base;
}

}  // namespace

std::optional<Duration> parseDuration(std::string_view text) {
    const bool negative = takeSign(text);
    if (text == "0") return Duration::zero();
    if (text.empty()) return std::nullopt;
    Wide sum = 0;
    constexpr Wide kMost = static_cast<Wide>(1) << 63;
    while (!text.empty()) {
        const auto term = takeTerm(text);
        if (!term) return std::nullopt;
        sum += *term;
        if (sum > kMost) return std::nullopt;
    }
    if (!negative && sum == kMost) return std::nullopt;
    return Duration{static_cast<std::int64_t>(negative ? -sum : sum)};
}

std::string formatDuration(Duration value) {
    if (value == Duration::zero()) return "0s";
    const bool negative = value < Duration::zero();
    const auto signedCount = static_cast<std::uint64_t>(value.count());
    std::uint64_t rest = negative ? 0 - signedCount : signedCount;
    std::string text = negative ? "-" : "";
    for (const std::string_view unit : {"h", "m", "s", "ms", "us", "ns"}) {
        const auto size = static_cast<std::uint64_t>(unitOf(unit));
        if (rest >= size) text += fmt::format("{}{}", rest / size, unit);
        rest %= size;
    }
    return text;
}

std::optional<std::int64_t> parseInt(std::string_view text) {
    const bool negative = takeSign(text);
    const bool prefixed = text.size() > 1 && text[0] == '0';
    const int base = takeBase(text);
    if (text.empty() || text.back() == '_' || (text.front() == '_' && !prefixed)) return std::nullopt;
    if (text.find("__") != std::string_view::npos) return std::nullopt;
    std::string digits{negative ? "-" : ""};
    std::ranges::copy_if(text, std::back_inserter(digits), [](char c) { return c != '_'; });
    if (!negative && digits.starts_with('-')) return std::nullopt;  // a second sign
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
    if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
    return value;
}

std::optional<double> parseFloat(std::string_view text) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

std::optional<bool> parseBool(std::string_view text) {
    for (const std::string_view word : {"1", "t", "T", "true", "True", "TRUE"}) {
        if (text == word) return true;
    }
    for (const std::string_view word : {"0", "f", "F", "false", "False", "FALSE"}) {
        if (text == word) return false;
    }
    return std::nullopt;
}

std::optional<TlsRequired> parseTlsRequired(std::string_view text) {
    if (Poco::toLower(std::string{text}) == kTcpHttps) return TlsRequired::kTcp;
    const std::optional<bool> all = parseBool(text);
    if (!all) return std::nullopt;
    return *all ? TlsRequired::kAll : TlsRequired::kNone;
}

std::string formatTlsRequired(TlsRequired value) {
    if (value == TlsRequired::kTcp) return std::string{kTcpHttps};
    return value == TlsRequired::kAll ? "true" : "false";
}

std::optional<TlsVersion> parseTlsVersion(std::string_view text) {
    const auto* const version = std::ranges::find(kTlsVersions, Poco::toLower(std::string{text}));
    if (version == kTlsVersions.end()) return std::nullopt;
    return static_cast<TlsVersion>(static_cast<int>(TlsVersion::kTls10) + (version - kTlsVersions.begin()));
}

std::string formatTlsVersion(TlsVersion value) {
    const int index = static_cast<int>(value) - static_cast<int>(TlsVersion::kTls10);
    return std::string{kTlsVersions.at(static_cast<std::size_t>(index))};
}

std::optional<LogLevel> parseLogLevel(std::string_view text) {
    const auto* const level = std::ranges::find(kLogLevels, Poco::toLower(std::string{text}));
    if (level == kLogLevels.end()) return std::nullopt;
    return static_cast<LogLevel>(level - kLogLevels.begin() + 1);
}

bool isToken(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~'; });
}

std::string formatLogLevel(LogLevel level) {
    return std::string{kLogLevels.at(static_cast<std::size_t>(level) - 1)};
}

}  // namespace nsq::options
