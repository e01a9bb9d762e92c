#pragma once

#include <spdlog/logger.h>

#include <memory>
#include <string>

#include "nsq/sdk/result.h"
#include "options/options.h"

namespace nsq::logging {

/// spdlog's level of the same meaning.
spdlog::level::level_enum toSpdlog(options::LogLevel level);

/// The server's logger: to the file options.logFile, appended, or to standard error. Its level may be changed
/// at any time. kInvalid: the file cannot be opened; one line. THREAD: the logger is for any.
sdk::Result<std::shared_ptr<spdlog::logger>> makeLogger(const options::Options& options);

/// The same logger over a given sink.
std::shared_ptr<spdlog::logger> makeLogger(const options::Options& options, spdlog::sink_ptr sink);

}  // namespace nsq::logging
