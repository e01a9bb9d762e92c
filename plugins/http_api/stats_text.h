#pragma once

#include <string>

#include "stats_report.h"

namespace nsq::http_api {

/// /stats as a text for people. THREAD: any.
std::string statsText(const StatsReport& report);

}  // namespace nsq::http_api
