#pragma once

#include <string_view>

#include "nsq/sdk/output.h"

namespace nsq::net {

/// The shape of what a connection without a session is told.
enum class ErrorForm {
    kFrame,     ///< V2: size, type, text
    kResponse,  ///< V1: size, text
};

/// Appends an error. THREAD: the output's.
void writeError(sdk::Output& output, ErrorForm form, std::string_view text);

}  // namespace nsq::net
