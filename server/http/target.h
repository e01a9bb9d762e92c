#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nsq::http {

/// What stands between method and version of a request line, in its parts. Points into the target.
struct Target {
    std::string_view path;   ///< still encoded; begins with `/`, or is `*`
    std::string_view query;  ///< still encoded, without the `?`
};

/// Splits "/path?query", "http://host/path?query" and "*". False for any other shape. THREAD: any.
bool splitTarget(std::string_view text, Target& target);

/// Decodes percent escapes into `decoded`. False for a bad escape. THREAD: any.
bool decodePath(std::string_view path, std::string& decoded);

/// Decodes `a=b&c=d` into `pairs`, in order; `+` is a space. False, with no pairs, for a bad escape or a `;`,
/// which some take for a separator and others do not. THREAD: any.
bool decodeQuery(std::string_view query, std::vector<std::pair<std::string, std::string>>& pairs);

/// `path` without empty, `.` and `..` segments and without a slash at its end. THREAD: any.
std::string cleanPath(std::string_view path);

/// A decoded path as a target: the inverse of decodePath. THREAD: any.
std::string encodePath(const std::string& path);

}  // namespace nsq::http
