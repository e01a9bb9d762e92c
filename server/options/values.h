#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "options/options.h"

/// Values as Go's flag package writes and reads them, which is what nsqd's flags are. THREAD: any.
namespace nsq::options {

/// A sign and one or more numbers with a unit (ns, us, µs, ms, s, m, h), fractions allowed: "1h30m", "-1.5s",
/// ".5ms"; or "0". nullopt when it is not, or does not fit in 64 bits of nanoseconds.
std::optional<Duration> parseDuration(std::string_view text);

/// The shortest text that parseDuration reads back: "1m", "250ms", "1h30m".
std::string formatDuration(Duration value);

/// Decimal, or with prefix 0x, 0b, 0o, 0 (octal); `_` may stand between digits.
std::optional<std::int64_t> parseInt(std::string_view text);

/// A decimal number, with or without a fraction and an exponent.
std::optional<double> parseFloat(std::string_view text);

/// 1, t, T, true, True, TRUE, or 0, f, F, false, False, FALSE.
std::optional<bool> parseBool(std::string_view text);

/// debug, info, warn, error, fatal, in any case.
std::optional<LogLevel> parseLogLevel(std::string_view text);

/// tcp-https, or as parseBool.
std::optional<TlsRequired> parseTlsRequired(std::string_view text);
std::string formatTlsRequired(TlsRequired value);

/// tls1.0 to tls1.3, in any case.
std::optional<TlsVersion> parseTlsVersion(std::string_view text);
std::string formatTlsVersion(TlsVersion value);
/// Whether it can be the token of an Authorization header: visible ASCII characters, without spaces, at least
/// one.
bool isToken(std::string_view text);

/// In lower case.
std::string formatLogLevel(LogLevel level);

}  // namespace nsq::options
