#pragma once

#include <Poco/JSON/Array.h>

#include <string>
#include <vector>

#include "nsq/sdk/plugin_stats.h"

namespace nsq::http_api {

/// What /plugins answers.
std::string pluginsJson(const std::vector<sdk::PluginStats>& plugins);

/// The plugins that have statistics of their own, and those; empty when none has.
Poco::JSON::Array::Ptr statisticsJson(const std::vector<sdk::PluginStats>& plugins);

}  // namespace nsq::http_api
