#pragma once

#include <string>

#include "options/options.h"

namespace nsq::options {

/// What --help prints: usage, every option with its default, exit codes.
std::string helpText(Program program);

/// The same options as the table in README.md, in Markdown.
std::string markdownTable(Program program);

}  // namespace nsq::options
