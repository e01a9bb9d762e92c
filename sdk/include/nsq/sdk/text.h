#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace nsq::sdk {

// What protocols of text need again and again. THREAD: any, for all of it.

/// A decimal number of digits only, without a sign or spaces. nullopt for anything else, and for what does
/// not fit.
inline std::optional<std::uint64_t> parseNumber(std::string_view text) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return number;
}

/// What is before the first `mark` and what is behind it; `text` and nothing when it has none. Both lie in
/// `text`.
inline std::pair<std::string_view, std::string_view> cut(std::string_view text, char mark) {
    const std::size_t at = std::min(text.find(mark), text.size());
    return {text.substr(0, at), text.substr(std::min(at + 1, text.size()))};
}

/// A client's text for logs and errors: the first 100 bytes (chosen), what is not printable ASCII as `?`.
inline std::string printable(std::string_view text) {
    constexpr std::size_t kMostShown = 100;
    std::string shown{text.substr(0, kMostShown)};
    std::ranges::replace_if(
        shown, [](char c) { return c < ' ' || c > '~'; }, '?');
    return text.size() > kMostShown ? shown + "..." : shown;
}

/// printable() in double quotes.
inline std::string quoted(std::string_view text) {
    return '"' + printable(text) + '"';
}

}  // namespace nsq::sdk
