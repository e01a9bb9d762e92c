#include "go_text.h"

#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <ctime>

namespace nsq::http_api {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

namespace {

/// `value` in units of `unit`, with as many decimals as it needs.
std::string decimal(nanoseconds value, nanoseconds unit) {
    std::string text = std::to_string(value / unit);
    std::int64_t rest = (value % unit).count();
    if (rest == 0) return text;
    std::string digits = std::to_string(unit.count() + rest).substr(1);
    digits.erase(digits.find_last_not_of('0') + 1);
    return text + '.' + digits;
}

}  // namespace

std::string goDuration(nanoseconds duration) {
    if (duration < 0ns) return '-' + goDuration(-duration);
    if (duration == 0ns) return "0s";
    if (duration < 1us) return std::to_string(duration.count()) + "ns";
    if (duration < 1ms) return decimal(duration, 1us) + "\u00b5s";
    if (duration < 1s) return decimal(duration, 1ms) + "ms";
    std::string text;
    if (duration >= 1h) text += std::to_string(duration / 1h) + 'h';
    if (duration >= 1min) text += std::to_string(duration % 1h / 1min) + 'm';
    return text + decimal(duration % 1min, 1s) + 's';
}

std::string rfc3339(std::chrono::system_clock::time_point when) {
    const std::time_t seconds = std::chrono::system_clock::to_time_t(when);
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    char text[32];
    return {text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

void appendFormat(std::string& text, const char* format, ...) {
    std::va_list arguments;
    va_start(arguments, format);
    std::va_list again;
    va_copy(again, arguments);
    const int length = std::vsnprintf(nullptr, 0, format, arguments);
    va_end(arguments);
    const std::size_t before = text.size();
    text.resize(before + static_cast<std::size_t>(length) + 1);
    std::vsnprintf(text.data() + before, static_cast<std::size_t>(length) + 1, format, again);
    va_end(again);
    text.pop_back();
}

}  // namespace nsq::http_api
