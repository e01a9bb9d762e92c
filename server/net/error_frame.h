#pragma once

#include <string_view>

#include "nsq/sdk/output.h"

namespace nsq::net {

/// Appends a V2 error frame: what a connection without a session is told. THREAD: the output's.
void writeErrorFrame(sdk::Output& output, std::string_view text);

}  // namespace nsq::net
