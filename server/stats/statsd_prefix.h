#pragma once

#include <string>
#include <string_view>

namespace nsq::stats {

/// What begins every name sent to statsd: `prefix` with each %s replaced by `host` and `port`, in which `.`
/// and `:` are `_`, and with a `.` at its end. Nothing stays nothing.
std::string statsdPrefix(std::string_view prefix, std::string_view host, int port);

}  // namespace nsq::stats
