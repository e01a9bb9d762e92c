#pragma once

#include <string>

#include "bench/settings.h"

namespace nsq::bench {

/// One PUB, DPUB or MPUB command, as a client sends it, with bodies of settings.size bytes. `batch` is the
/// number of messages unless settings.batch is 1.
std::string publishCommand(const Settings& settings, std::uint64_t batch);

/// `text` behind its size, as a command's body.
std::string sizedText(const std::string& text);

}  // namespace nsq::bench
