#pragma once

#include <Poco/Dynamic/Var.h>

#include <string>
#include <string_view>

#include "nsq/sdk/result.h"
#include "options/option_table.h"
#include "options/options.h"

namespace nsq::options {

/// Sets the option to what `text` says; a repeatable one gets one more element. kInvalid: the text is no
/// value of the option's type or out of its range; the error does not name the option.
sdk::Result<void> assign(Options& options, const OptionSpec& spec, std::string_view text);

/// Empties a repeatable option; does nothing to others.
void clear(Options& options, const OptionSpec& spec);

/// The value as text that assign reads back; elements separated by commas; "none" for nothing.
std::string showValue(const Options& options, const OptionSpec& spec);

/// The value as GET /config gives it: durations in nanoseconds, levels as 1..5.
Poco::Dynamic::Var configValue(const Options& options, const OptionSpec& spec);

}  // namespace nsq::options
