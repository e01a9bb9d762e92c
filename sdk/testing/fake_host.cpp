#include "nsq/sdk/testing/fake_host.h"

#include <Poco/Util/MapConfiguration.h>
#include <spdlog/sinks/ostream_sink.h>

namespace nsq::sdk::testing {

FakeHost::FakeHost()
    : logger_(
          std::make_shared<spdlog::logger>("fake", std::make_shared<spdlog::sinks::ostream_sink_mt>(log_))),
      settings_(new Poco::Util::MapConfiguration) {
    logger_->set_level(spdlog::level::debug);
    logger_->set_pattern("%l %v");
    infoValues.program = "nsqd";
    infoValues.version = "1.3.0";
    infoValues.productVersion = "0";
    infoValues.hostname = "host.example";
    infoValues.broadcastAddress = "host.example";
    infoValues.startTime = std::chrono::system_clock::now();
}

Result<Poco::Dynamic::Var> FakeHost::option(std::string_view name) const {
    const auto found = options.find(name);
    if (found == options.end()) return Error{ErrorCode::kInvalid, "INVALID_OPTION"};
    return found->second;
}

Result<void> FakeHost::setOption(std::string_view name, std::string_view value) {
    const auto found = options.find(name);
    if (found == options.end()) return Error{ErrorCode::kInvalid, "INVALID_OPTION"};
    found->second = std::string{value};
    return {};
}

}  // namespace nsq::sdk::testing
