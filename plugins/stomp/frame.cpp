#include "frame.h"

#include <algorithm>

namespace nsq::stomp {

namespace {

/// What stands behind a backslash, and for what. 1.1 does not have the last one, 1.0 none.
constexpr std::string_view kCodes = "\\ncr";
constexpr std::string_view kMeanings = "\\\n:\r";

std::size_t codesOf(Version version) {
    return version == Version::k10 ? 0 : version == Version::k11 ? kCodes.size() - 1 : kCodes.size();
}

/// nullopt when it has an escape that is none.
std::optional<std::string> unescaped(std::string_view text, Version version) {
    if (version == Version::k10) return std::string{text};
    std::string result;
    for (std::size_t at = text.find('\\'); at != std::string_view::npos; at = text.find('\\')) {
        const std::size_t code = kCodes.find(text.substr(at + 1, 1));
        if (at + 1 == text.size() || code >= codesOf(version)) return {};
        result.append(text.substr(0, at)) += kMeanings[code];
        text.remove_prefix(at + 2);
    }
    return result.append(text);
}

}  // namespace

std::optional<std::string_view> Frame::header(std::string_view name) const {
    for (const auto& [each, value] : headers) {
        if (each == name) return value;
    }
    return {};
}

bool FrameReader::readHead(std::string_view input, Version version) {
    const std::string_view head = input.substr(0, kMaxHead);
    while (bodyBegin_ == 0) {
        const std::size_t newline = head.find('\n', scanned_);
        if (head.substr(scanned_, newline - scanned_).find('\0') != std::string_view::npos)
            return refuse("no empty line before the NUL that ends the frame");
        if (newline == std::string_view::npos) {
            scanned_ = head.size();
            if (scanned_ < kMaxHead) return false;
            return refuse("command and headers exceed " + std::to_string(kMaxHead) + " bytes");
        }
        std::string_view line = head.substr(lineBegin_, newline - lineBegin_);
        if (line.ends_with('\r')) line.remove_suffix(1);
        scanned_ = lineBegin_ = newline + 1;
        if (line.empty()) {
            bodyBegin_ = scanned_;
        } else if (frame_.command.empty()) {
            frame_.command = line;
        } else if (!readHeader(line, version)) {
            return false;
        }
    }
    return true;
}

bool FrameReader::readHeader(std::string_view line, Version version) {
    if (frame_.headers.size() == kMaxHeaders)
        return refuse("more than " + std::to_string(kMaxHeaders) + " headers");
    if (frame_.connects()) version = Version::k10;
    const std::size_t colon = line.find(':');
    if (colon == 0 || colon == std::string_view::npos) return refuse(lineName() + " is not NAME:VALUE");
    std::optional<std::string> name = unescaped(line.substr(0, colon), version);
    std::size_t begin = colon + 1;
    // 1.0's own examples have spaces there; later versions forbid to trim.
    if (version == Version::k10 && !frame_.connects())
        begin = std::min(line.find_first_not_of(' ', begin), line.size());
    std::optional<std::string> value = unescaped(line.substr(begin), version);
    if (!name || !value) return refuse(lineName() + " has an unknown escape");
    frame_.headers.emplace_back(std::move(*name), std::move(*value));
    return true;
}

bool FrameReader::readBody(std::string_view input) {
    const std::size_t mostEnd = bodyBegin_ + maxBody_;
    std::size_t end = 0;
    if (const auto length = frame_.header("content-length")) {
        const std::optional<std::uint64_t> size = sdk::parseNumber(*length);
        if (!size) return refuse("content-length " + quoted(*length) + " is not a number");
        end = *size > maxBody_ ? mostEnd + 1 : bodyBegin_ + *size;
        if (end <= mostEnd && end < input.size() && input[end] != '\0')
            return refuse("no NUL behind a body of content-length bytes");
    } else {
        end = scanned_ = std::min(input.find('\0', scanned_), input.size());
    }
    if (end > mostEnd) return refuse("the body exceeds " + std::to_string(maxBody_) + " bytes");
    needed_ = end + 1;
    if (input.size() < needed_) return false;
    frame_.body = sdk::asBytes(input.substr(bodyBegin_, end - bodyBegin_));
    return true;
}

std::string escaped(std::string_view value, Version version) {
    std::string text;
    for (const char c : value) {
        const std::size_t code = kMeanings.find(c);
        if (code < codesOf(version)) text += '\\';
        text += code < codesOf(version) ? kCodes[code] : c;
    }
    return text;
}

}  // namespace nsq::stomp
