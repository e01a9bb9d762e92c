#include "protocol/v2/utf8_text.h"

#include <Poco/UTF8Encoding.h>
#include <Poco/Unicode.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>

namespace nsq::v2 {

namespace {

/// The most bytes of one client-supplied text in a log line (chosen).
constexpr std::size_t kMaxLogged = 200;

constexpr std::string_view kReplacement = "\xef\xbf\xbd";  // U+FFFD

/// One character of a text.
struct Character {
    std::size_t size;  ///< bytes; 1 when they are not UTF-8
    std::uint32_t codePoint;
    bool valid;
};

std::size_t sequenceSize(unsigned char lead) {
    if (lead < 0x80) return 1;
    if (lead >= 0xc2 && lead <= 0xdf) return 2;
    if (lead >= 0xe0 && lead <= 0xef) return 3;
    if (lead >= 0xf0 && lead <= 0xf4) return 4;
    return 0;
}

/// `text` is not empty.
Character firstCharacter(std::string_view text) {
    const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
    const std::size_t size = sequenceSize(bytes[0]);
    if (size == 1) return {1, bytes[0], true};
    if (size == 0 || size > text.size() || !Poco::UTF8Encoding::isLegal(bytes, static_cast<int>(size))) {
        return {1, bytes[0], false};
    }
    std::uint32_t codePoint = bytes[0] & (0x7fU >> size);
    for (std::size_t i = 1; i < size; ++i) codePoint = codePoint << 6 | (bytes[i] & 0x3fU);
    return {size, codePoint, true};
}

/// Go's strconv.IsPrint: letters, marks, numbers, punctuation, symbols and the ASCII space.
bool isPrintable(std::uint32_t codePoint) {
    if (codePoint < 0x80) return codePoint >= 0x20 && codePoint < 0x7f;
    Poco::Unicode::CharacterProperties properties;
    Poco::Unicode::properties(static_cast<int>(codePoint), properties);
    switch (properties.category) {
        case Poco::Unicode::UCP_LETTER:
        case Poco::Unicode::UCP_MARK:
        case Poco::Unicode::UCP_NUMBER:
        case Poco::Unicode::UCP_PUNCTUATION:
        case Poco::Unicode::UCP_SYMBOL:
            return true;
        default:
            return false;
    }
}

/// The letter after the backslash for characters that have a short escape, else 0.
char shortEscape(std::uint32_t codePoint) {
    switch (codePoint) {
        case '\a':
            return 'a';
        case '\b':
            return 'b';
        case '\f':
            return 'f';
        case '\n':
            return 'n';
        case '\r':
            return 'r';
        case '\t':
            return 't';
        case '\v':
            return 'v';
        default:
            return 0;
    }
}

void appendEscaped(std::string& to, const Character& character, std::string_view bytes) {
    if (character.valid && isPrintable(character.codePoint)) {
        to += bytes;
        return;
    }
    char escape[16];
    if (const char letter = shortEscape(character.codePoint); letter != 0) {
        std::snprintf(escape, sizeof escape, "\\%c", letter);
    } else {
        const char* format = !character.valid || character.codePoint < 0x80 ? "\\x%02x"
                             : character.codePoint < 0x10000                ? "\\u%04x"
                                                                            : "\\U%08x";
        std::snprintf(escape, sizeof escape, format, static_cast<unsigned>(character.codePoint));
    }
    to += escape;
}

std::string escaped(std::string_view text, std::string_view alsoBackslashed) {
    std::string result;
    result.reserve(text.size());
    while (!text.empty()) {
        const Character character = firstCharacter(text);
        if (alsoBackslashed.find(text[0]) != std::string_view::npos) result += '\\';
        appendEscaped(result, character, text.substr(0, character.size));
        text.remove_prefix(character.size);
    }
    return result;
}

bool isAscii(char c) {
    return static_cast<unsigned char>(c) < 0x80;
}

}  // namespace

std::string quoted(std::string_view text) {
    return '"' + escaped(text, "\"\\") + '"';
}

std::string forLog(std::string_view text) {
    std::string result = escaped(text.substr(0, kMaxLogged), "");
    if (text.size() > kMaxLogged) result += "...";
    return result;
}

std::string toValidUtf8(std::string_view text) {
    std::string result;
    result.reserve(text.size());
    while (!text.empty()) {
        if (isAscii(text[0])) {
            const auto end = std::ranges::find_if_not(text, isAscii);
            result.append(text.begin(), end);
            text.remove_prefix(static_cast<std::size_t>(end - text.begin()));
            continue;
        }
        const Character character = firstCharacter(text);
        result += character.valid ? text.substr(0, character.size) : kReplacement;
        text.remove_prefix(character.size);
    }
    return result;
}

}  // namespace nsq::v2
