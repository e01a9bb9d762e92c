#include "logging/line_formatter.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <chrono>

namespace nsq::logging {

namespace {

std::string_view levelName(spdlog::level::level_enum level) {
    switch (level) {
        case spdlog::level::trace:
        case spdlog::level::debug:
            return "DEBUG";
        case spdlog::level::info:
            return "INFO";
        case spdlog::level::warn:
            return "WARNING";
        case spdlog::level::err:
            return "ERROR";
        default:
            return "FATAL";
    }
}

void append(spdlog::memory_buf_t& line, std::string_view text) {
    line.append(text.data(), text.data() + text.size());
}

void appendEscaped(spdlog::memory_buf_t& line, std::string_view text) {
    const auto isControl = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
    while (!text.empty()) {
        const auto* const control = std::ranges::find_if(text, isControl);
        const auto plain = static_cast<std::size_t>(control - text.begin());
        append(line, text.substr(0, plain));
        text.remove_prefix(plain);
        if (text.empty()) break;
        append(line, text.front() == '\n' ? "\\n" : fmt::format("\\x{:02x}", text.front()));
        text.remove_prefix(1);
    }
}

}  // namespace

void LineFormatter::format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& line) {
    const auto second = std::chrono::floor<std::chrono::seconds>(message.time);
    const auto microseconds = std::chrono::duration_cast<std::chrono::microseconds>(message.time - second);
    if (const std::time_t time = std::chrono::system_clock::to_time_t(second); time != second_) {
        std::tm local{};
        localtime_r(&time, &local);
        date_ = fmt::format("{:04}/{:02}/{:02} {:02}:{:02}:{:02}", local.tm_year + 1900, local.tm_mon + 1,
                            local.tm_mday, local.tm_hour, local.tm_min, local.tm_sec);
        second_ = time;
    }
    append(line, prefix_);
    append(line, date_);
    fmt::format_to(std::back_inserter(line), ".{:06} {}: ", microseconds.count(), levelName(message.level));
    appendEscaped(line, {message.payload.data(), message.payload.size()});
    line.push_back('\n');
}

std::unique_ptr<spdlog::formatter> LineFormatter::clone() const {
    return std::make_unique<LineFormatter>(prefix_);
}

}  // namespace nsq::logging
