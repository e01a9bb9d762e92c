#include "application/export_command.h"

#include <spdlog/fmt/fmt.h>

#include <iostream>

#include "application/broker_config.h"
#include "application/launch.h"
#include "application/start_error.h"
#include "logging/logging.h"

namespace nsq::app {

namespace {

std::string summaryOf(const broker::ExportSummary& summary, const std::string& directory) {
    const std::string deferred =
        summary.deferred > 0
            ? fmt::format(", {} of them deferred: a stock nsqd delivers these at once", summary.deferred)
            : "";
    const std::string damaged =
        summary.damaged > 0 ? fmt::format("; damaged batches left out: {}", summary.damaged) : "";
    return fmt::format("exported {} topics, {} channels and {} messages, counted in each channel, to {}{}{}",
                       summary.topics, summary.channels, summary.messages, directory, deferred, damaged);
}

ExitStatus statusOf(const sdk::Error& error) {
    return error.code == sdk::ErrorCode::kInvalid ? ExitStatus::kBadOption : ExitStatus::kFailed;
}

}  // namespace

int exportDiskqueue(options::Options options) {
    resolvePaths(options);
    const auto logger = orThrow(logging::makeLogger(options), ExitStatus::kBadOption);
    const auto data = orThrow(storage::DataDirectory::open(options.dataPath), ExitStatus::kDataPath);
    broker::Broker broker{brokerConfig(options, data), *logger};
    orThrow(broker.openForExport(), ExitStatus::kDataPath);
    const auto exported = broker.exportTo(options.exportDiskqueue);
    if (!exported)
        throw StartError(statusOf(exported.error()), "option --export-diskqueue: " + exported.error().text);
    const std::string summary = summaryOf(exported.value(), options.exportDiskqueue);
    logger->info("{}", summary);
    std::cout << summary << std::endl;
    return static_cast<int>(ExitStatus::kStopped);
}

}  // namespace nsq::app
