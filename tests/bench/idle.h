#pragma once

#include "bench/settings.h"

namespace nsq::bench {

/// Opens settings.connections subscriptions, prints `{"subscribed":N}`, and answers heartbeats until the
/// standard input ends. Errors are thrown as std::runtime_error.
void holdIdle(const Settings& settings);

}  // namespace nsq::bench
