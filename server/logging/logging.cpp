#include "logging/logging.h"

#include <spdlog/fmt/fmt.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <filesystem>
#include <system_error>

#include "logging/line_formatter.h"

namespace nsq::logging {

spdlog::level::level_enum toSpdlog(options::LogLevel level) {
    switch (level) {
        case options::LogLevel::kDebug:
            return spdlog::level::debug;
        case options::LogLevel::kInfo:
            return spdlog::level::info;
        case options::LogLevel::kWarn:
            return spdlog::level::warn;
        case options::LogLevel::kError:
            return spdlog::level::err;
        case options::LogLevel::kFatal:
            break;
    }
    return spdlog::level::critical;
}

sdk::Result<std::shared_ptr<spdlog::logger>> makeLogger(const options::Options& options) {
    if (options.logFile.empty()) {
        return makeLogger(options, std::make_shared<spdlog::sinks::stderr_sink_mt>());
    }
    // spdlog would make a missing directory, which is more often a mistake in the path.
    const auto directory = std::filesystem::absolute(options.logFile).parent_path();
    std::error_code missing;
    if (!std::filesystem::is_directory(directory, missing)) {
        return sdk::Error{sdk::ErrorCode::kInvalid, fmt::format("option --log-file: {}: no directory {}",
                                                                options.logFile, directory.string())};
    }
    try {
        return makeLogger(options, std::make_shared<spdlog::sinks::basic_file_sink_mt>(options.logFile));
    } catch (const spdlog::spdlog_ex& error) {
        return sdk::Error{sdk::ErrorCode::kInvalid, std::string{"option --log-file: "} + error.what()};
    }
}

std::shared_ptr<spdlog::logger> makeLogger(const options::Options& options, spdlog::sink_ptr sink) {
    auto logger = std::make_shared<spdlog::logger>("nsqd", std::move(sink));
    logger->set_formatter(std::make_unique<LineFormatter>(options.logPrefix));
    logger->set_level(toSpdlog(options.logLevel));
    // Lines are few, and the last ones before a crash matter most.
    logger->flush_on(spdlog::level::debug);
    return logger;
}

}  // namespace nsq::logging
