#pragma once

#include <string>

#include "stats_report.h"

namespace nsq::http_api {

/// /stats?format=json. THREAD: any.
std::string statsJson(const StatsReport& report);

}  // namespace nsq::http_api
