#pragma once

#include <string>

namespace nsq::net {

/// What the exception being handled says of itself. Call it within a catch clause.
std::string exceptionText();

}  // namespace nsq::net
