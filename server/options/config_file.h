#pragma once

#include <string>

#include "nsq/sdk/result.h"
#include "options/options.h"

namespace nsq::options {

/// Sets in `options` what the TOML file at `path` says. Durations are Go's in quotes, or integers, which are
/// milliseconds (as in nsqd); integers and bools may stand in quotes. kInvalid: the file cannot be read or
/// parsed, or has an unknown key or a bad value; the text names file and line. `options` is then half set.
sdk::Result<void> readConfigFile(Options& options, const std::string& path);

}  // namespace nsq::options
