#include "stats/statsd_prefix.h"

#include <Poco/String.h>

#include <algorithm>

namespace nsq::stats {

std::string statsdPrefix(std::string_view prefix, std::string_view host, int port) {
    if (prefix.empty()) return {};
    std::string key{host};
    // As everywhere before a port: an address with colons is put into brackets.
    if (key.find(':') != std::string::npos) key = '[' + key + ']';
    key += ':' + std::to_string(port);
    std::ranges::replace_if(
        key, [](char c) { return c == '.' || c == ':'; }, '_');
    std::string whole = Poco::replace(std::string{prefix}, std::string{"%s"}, key);
    if (!whole.ends_with('.')) whole += '.';
    return whole;
}

}  // namespace nsq::stats
