#include "options/values.h"

#include <catch2/catch.hpp>

using namespace nsq::options;
using namespace std::chrono_literals;

namespace {

struct DurationCase {
    std::string_view text;
    std::optional<Duration> value;
};

struct IntCase {
    std::string_view text;
    std::optional<std::int64_t> value;
};

constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min();

}  // namespace

TEST_CASE("durations are read as Go reads them") {
    const DurationCase row = GENERATE(values<DurationCase>({
        {"0", 0ns},
        {"-0", 0ns},
        {"5s", 5s},
        {"+5s", 5s},
        {"-1s", -1s},
        {"1h30m", 90min},
        {"1h15m30.918s", 1h + 15min + 30918ms},
        {"250ms", 250ms},
        {"1.5s", 1500ms},
        {"1.s", 1s},
        {".5s", 500ms},
        {"7ns", 7ns},
        {"7us", 7us},
        {"7µs", 7us},
        {"7μs", 7us},
        {"0.3333333333333333333h", 20min - 1ns},
        {"9223372036854775807ns", Duration{kMost}},
        {"-9223372036854775808ns", Duration{kLeast}},
        {"9223372036.854775807s", Duration{kMost}},
        {"9223372036854775808ns", std::nullopt},
        {"-9223372036854775809ns", std::nullopt},
        {"99999999999999999999ns", std::nullopt},
        {"3000000h", std::nullopt},
        {"", std::nullopt},
        {"-", std::nullopt},
        {"3", std::nullopt},
        {"s", std::nullopt},
        {".s", std::nullopt},
        {"1.2.3s", std::nullopt},
        {"1d", std::nullopt},
        {"1 s", std::nullopt},
        {" 1s", std::nullopt},
        {"1S", std::nullopt},
        {"1s-1s", std::nullopt},
        {"--1s", std::nullopt},
        {"1e3s", std::nullopt},
    }));
    CAPTURE(row.text);
    CHECK(parseDuration(row.text) == row.value);
}

TEST_CASE("durations are written so that they can be read back") {
    const auto [value, text] = GENERATE(table<Duration, std::string>({
        {0s, "0s"},
        {60s, "1m"},
        {90min, "1h30m"},
        {250ms, "250ms"},
        {1500ms, "1s500ms"},
        {-1s, "-1s"},
        {1001us, "1ms1us"},
        {Duration{kLeast}, "-2562047h47m16s854ms775us808ns"},
    }));
    CHECK(formatDuration(value) == text);
    CHECK(parseDuration(text) == value);
}

TEST_CASE("integers are read as Go reads them") {
    const IntCase row = GENERATE(values<IntCase>({
        {"0", 0},
        {"42", 42},
        {"+42", 42},
        {"-42", -42},
        {"1_000_000", 1000000},
        {"0x1F", 31},
        {"0X1f", 31},
        {"-0x10", -16},
        {"0x_10", 16},
        {"0b101", 5},
        {"0o17", 15},
        {"017", 15},
        {"9223372036854775807", kMost},
        {"-9223372036854775808", kLeast},
        {"9223372036854775808", std::nullopt},
        {"", std::nullopt},
        {"-", std::nullopt},
        {"+-1", std::nullopt},
        {"--1", std::nullopt},
        {"1.5", std::nullopt},
        {"1e3", std::nullopt},
        {" 1", std::nullopt},
        {"1 ", std::nullopt},
        {"0x", std::nullopt},
        {"09", std::nullopt},
        {"_1", std::nullopt},
        {"1_", std::nullopt},
        {"1__0", std::nullopt},
        {"abc", std::nullopt},
    }));
    CAPTURE(row.text);
    CHECK(parseInt(row.text) == row.value);
}

TEST_CASE("numbers with a fraction are read whole or not at all") {
    CHECK(parseFloat("0.99") == 0.99);
    CHECK(parseFloat(".5") == 0.5);
    CHECK(parseFloat("1") == 1.0);
    CHECK(parseFloat("1e-3") == 0.001);
    for (const auto* text : {"", " 1", "1 ", "0.5x", "0,5", "x", "1e999"})
        CHECK(parseFloat(text) == std::nullopt);
}

TEST_CASE("bools are read as Go reads them") {
    for (const auto* text : {"1", "t", "T", "true", "True", "TRUE"}) CHECK(parseBool(text) == true);
    for (const auto* text : {"0", "f", "F", "false", "False", "FALSE"}) CHECK(parseBool(text) == false);
    for (const auto* text : {"", "yes", "tRUE", "2", " true"}) CHECK(parseBool(text) == std::nullopt);
}

TEST_CASE("log levels are read in any case") {
    CHECK(parseLogLevel("debug") == LogLevel::kDebug);
    CHECK(parseLogLevel("INFO") == LogLevel::kInfo);
    CHECK(parseLogLevel("Warn") == LogLevel::kWarn);
    CHECK(parseLogLevel("error") == LogLevel::kError);
    CHECK(parseLogLevel("fatal") == LogLevel::kFatal);
    for (const auto* text : {"", "1", "warning", "infos"}) CHECK(parseLogLevel(text) == std::nullopt);
    CHECK(formatLogLevel(LogLevel::kWarn) == "warn");
}

TEST_CASE("who must use TLS is a bool, or a word") {
    CHECK(parseTlsRequired("true") == TlsRequired::kAll);
    CHECK(parseTlsRequired("1") == TlsRequired::kAll);
    CHECK(parseTlsRequired("F") == TlsRequired::kNone);
    CHECK(parseTlsRequired("TCP-https") == TlsRequired::kTcp);
    for (const auto* text : {"", "tcp", "https", "yes"}) CHECK(parseTlsRequired(text) == std::nullopt);
    for (const auto value : {TlsRequired::kNone, TlsRequired::kTcp, TlsRequired::kAll}) {
        CHECK(parseTlsRequired(formatTlsRequired(value)) == value);
    }
}

TEST_CASE("versions of TLS have the names nsqd gives them") {
    CHECK(parseTlsVersion("tls1.0") == TlsVersion::kTls10);
    CHECK(parseTlsVersion("TLS1.3") == TlsVersion::kTls13);
    CHECK(formatTlsVersion(TlsVersion::kTls12) == "tls1.2");
    for (const auto* text : {"", "1.2", "tls1", "tls1.4", "ssl3.0"})
        CHECK(parseTlsVersion(text) == std::nullopt);
}

TEST_CASE("a token has visible ASCII characters only") {
    for (const auto* good : {"x", "s3cret", "a.b-c_d~e+f/g=", "!\"#"}) CHECK(isToken(good));
    for (const auto* bad : {"", " ", "a b", "a\n", "\t", "\x7f", "\xc3\xa4"}) CHECK_FALSE(isToken(bad));
}
