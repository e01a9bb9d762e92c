#pragma once

#include <string>
#include <string_view>

namespace nsq::v2 {

/// `text` in double quotes, escaped as Go's %q does, which is how nsqd shows a bad topic name to its client:
/// bytes that are not UTF-8 become \xNN, characters that cannot be printed \n, \x1b, \u200b and so on.
std::string quoted(std::string_view text);

/// Client-supplied text for a log line: what cannot be printed is escaped, and it is cut at 200 bytes.
std::string forLog(std::string_view text);

/// `text` with each byte that is not part of valid UTF-8 replaced by U+FFFD, as Go's JSON decoder does.
std::string toValidUtf8(std::string_view text);

}  // namespace nsq::v2
