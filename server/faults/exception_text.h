#pragma once

#include <string>
#include <string_view>

namespace nsq::faults {

/// `text` fit for a log: line ends and other control characters become spaces, and it is cut after 1000
/// bytes.
std::string oneLine(std::string_view text);

/// What the exception being handled says, as one line. Only within a catch block.
std::string exceptionText();

}  // namespace nsq::faults
