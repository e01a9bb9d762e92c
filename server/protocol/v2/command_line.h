#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "nsq/sdk/message.h"

namespace nsq::v2 {

/// The longest command line, its newline included, in bytes: the size of nsqd's read buffer.
inline constexpr std::size_t kMaxLine = 16384;

/// A command line cut at each single space: two spaces in a row make an empty word. Points into the input.
struct CommandLine {
    static constexpr std::size_t kMaxWords = 4;  ///< no command looks at more; what follows stays in the last

    std::array<std::string_view, kMaxWords> words;
    std::size_t count = 0;  ///< at least 1

    std::string_view name() const { return words[0]; }
    std::size_t parameters() const { return count - 1; }
    std::string_view parameter(std::size_t i) const { return words[i + 1]; }
};

/// `line` without its newline; one '\r' at its end is dropped.
CommandLine splitLine(std::string_view line);

/// A decimal number without sign; what does not fit is the largest. The empty text is 0, as in nsqd. nullopt
/// for anything else.
std::optional<std::uint64_t> parseNumber(std::string_view digits);

/// The number for an error text; as the client wrote it if it did not fit.
std::string numberText(std::string_view digits, std::uint64_t value);

/// nullopt unless `text` is 16 lower-case hex digits, the only ids there are: nsqd compares them as bytes.
/// `text` has 16 characters.
std::optional<sdk::MessageId> parseId(std::string_view text);

}  // namespace nsq::v2
