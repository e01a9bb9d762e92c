#pragma once

#include <chrono>
#include <string>

/// Texts as Go's standard library writes them, which nsqd's are. THREAD: any.
namespace nsq::http_api {

/// Such as `1h2m3.5s`, `250ms`, `0s`.
std::string goDuration(std::chrono::nanoseconds duration);

/// RFC 3339 in UTC, such as `2026-11-22T21:05:41Z`.
std::string rfc3339(std::chrono::system_clock::time_point when);

/// Appends to `text` as printf would. None of the arguments may be longer than memory allows.
[[gnu::format(printf, 2, 3)]] void appendFormat(std::string& text, const char* format, ...);

}  // namespace nsq::http_api
