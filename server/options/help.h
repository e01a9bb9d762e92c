#pragma once

#include <string>

namespace nsq::options {

/// What --help prints: usage, every option with its default, exit codes.
std::string helpText();

/// The same options as the table in README.md, in Markdown.
std::string markdownTable();

}  // namespace nsq::options
