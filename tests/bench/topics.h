#pragma once

#include "bench/settings.h"

namespace nsq::bench {

/// Publishes one message to each of settings.messages topics, and creates a channel in each. Errors are
/// thrown as std::runtime_error.
void makeTopics(const Settings& settings);

}  // namespace nsq::bench
