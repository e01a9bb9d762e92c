#include "protocol/v2/command_line.h"

#include <limits>

namespace nsq::v2 {

namespace {

/// For each character its value as a lower-case hex digit, or 255.
constexpr std::array<std::uint8_t, 256> kHexValues = [] {
    std::array<std::uint8_t, 256> values{};
    values.fill(255);
    for (std::uint8_t i = 0; i < 10; ++i) values['0' + i] = i;
    for (std::uint8_t i = 0; i < 6; ++i) values['a' + i] = static_cast<std::uint8_t>(10 + i);
    return values;
}();

}  // namespace

CommandLine splitLine(std::string_view line) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    CommandLine result;
    while (result.count < CommandLine::kMaxWords - 1) {
        const std::size_t space = line.find(' ');
        if (space == std::string_view::npos) break;
        result.words[result.count++] = line.substr(0, space);
        line.remove_prefix(space + 1);
    }
    result.words[result.count++] = line;
    return result;
}

std::optional<std::uint64_t> parseNumber(std::string_view digits) {
    constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();
    std::uint64_t value = 0;
    for (const char digit : digits) {
        if (digit < '0' || digit > '9') return std::nullopt;
        const auto part = static_cast<std::uint64_t>(digit - '0');
        value = value > (kMax - part) / 10 ? kMax : value * 10 + part;
    }
    return value;
}

std::string numberText(std::string_view digits, std::uint64_t value) {
    if (value == std::numeric_limits<std::uint64_t>::max()) return std::string{digits};
    return std::to_string(value);
}

std::optional<sdk::MessageId> parseId(std::string_view text) {
    std::uint64_t value = 0;
    std::uint8_t invalid = 0;
    for (std::size_t i = 0; i < sdk::MessageId::kTextLength; ++i) {
        const std::uint8_t part = kHexValues[static_cast<unsigned char>(text[i])];
        invalid |= part;
        value = value << 4 | (part & 15U);
    }
    if (invalid > 15) return std::nullopt;
    return sdk::MessageId{value};
}

}  // namespace nsq::v2
