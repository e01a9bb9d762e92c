#include "http/target.h"

#include <Poco/Exception.h>
#include <Poco/String.h>
#include <Poco/URI.h>

#include <algorithm>

namespace nsq::http {

namespace {

bool decode(std::string_view text, bool plusIsSpace, std::string& decoded) {
    decoded.clear();
    const bool escaped = text.find('%') != std::string_view::npos;
    const bool plus = plusIsSpace && text.find('+') != std::string_view::npos;
    if (!escaped && !plus) {
        decoded = text;
        return true;
    }
    std::string encoded{text};
    // Poco knows `+` only behind a `?`.
    if (plus) std::ranges::replace(encoded, '+', ' ');
    try {
        Poco::URI::decode(encoded, decoded);
    } catch (const Poco::SyntaxException&) {
        return false;
    }
    return true;
}

/// Removes and returns what stands before `separator`, or all if there is none.
std::string_view cut(std::string_view& text, char separator) {
    const std::size_t end = std::min(text.find(separator), text.size());
    const std::string_view part = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return part;
}

bool dropScheme(std::string_view& text) {
    for (const std::string_view scheme : {"http://", "https://"}) {
        if (text.size() > scheme.size() &&
            Poco::icompare(std::string{text.substr(0, scheme.size())}, std::string{scheme}) == 0) {
            text.remove_prefix(scheme.size());
            return true;
        }
    }
    return false;
}

}  // namespace

bool splitTarget(std::string_view text, Target& target) {
    if (text == "*") {
        target = {text, {}};
        return true;
    }
    if (!text.starts_with('/')) {
        if (!dropScheme(text)) return false;
        text.remove_prefix(std::min(text.find_first_of("/?"), text.size()));
    }
    target.path = cut(text, '?');
    if (target.path.empty()) target.path = "/";
    target.query = text;
    return true;
}

bool decodePath(std::string_view path, std::string& decoded) {
    return decode(path, false, decoded);
}

bool decodeQuery(std::string_view query, std::vector<std::pair<std::string, std::string>>& pairs) {
    bool good = query.find(';') == std::string_view::npos;
    while (good && !query.empty()) {
        std::string_view pair = cut(query, '&');
        if (pair.empty()) continue;
        const std::string_view name = cut(pair, '=');
        auto& [decodedName, decodedValue] = pairs.emplace_back();
        good = decode(name, true, decodedName) && decode(pair, true, decodedValue);
    }
    if (!good) pairs.clear();
    return good;
}

std::string cleanPath(std::string_view path) {
    std::string clean;
    while (!path.empty()) {
        const std::string_view segment = cut(path, '/');
        if (segment.empty() || segment == ".") continue;
        if (segment == "..") {
            clean.resize(clean.empty() ? 0 : clean.rfind('/'));
            continue;
        }
        clean += '/';
        clean += segment;
    }
    return clean.empty() ? "/" : clean;
}

std::string encodePath(const std::string& path) {
    std::string encoded;
    Poco::URI::encode(path, "%?#\"<>", encoded);
    return encoded;
}

}  // namespace nsq::http
