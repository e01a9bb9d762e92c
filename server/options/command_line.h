#pragma once

#include <span>
#include <string>

#include "nsq/sdk/result.h"
#include "options/options.h"

namespace nsq::options {

/// The options of the defaults' program that `arguments` (without the program's name) and the configuration
/// file they name give, over `defaults`, checked; --tls-client-auth-policy implies --tls-required. Flags as
/// Go's flag package takes them: --name=v, -name=v, --name v, -name v; a bool flag is bare or has =v. With
/// --help the file is not read. kInvalid, and one line that names the flag or file.
sdk::Result<Options> parseCommandLine(std::span<const std::string> arguments, const Options& defaults);

/// kInvalid when two options contradict each other.
sdk::Result<void> validate(const Options& options);

}  // namespace nsq::options
