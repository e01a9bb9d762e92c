#pragma once

#include <optional>
#include <string_view>

#include "nsq/sdk/http.h"

/// Query arguments. THREAD: any.
namespace nsq::http_api {

/// The answer that refuses the request, or nothing when all is well.
using Refusal = std::optional<sdk::HttpResponse>;

/// Reads `topic` without judging the name: INVALID_REQUEST, MISSING_ARG_TOPIC.
Refusal readTopic(const sdk::HttpRequest& request, std::string_view& topic);

/// Reads `topic`; INVALID_TOPIC too.
Refusal readValidTopic(const sdk::HttpRequest& request, std::string_view& topic);

/// Reads `topic` and `channel`: INVALID_REQUEST, MISSING_ARG_TOPIC, INVALID_ARG_TOPIC, MISSING_ARG_CHANNEL,
/// INVALID_ARG_CHANNEL.
Refusal readChannel(const sdk::HttpRequest& request, std::string_view& topic, std::string_view& channel);

/// nsqd takes "false" and "0" for no, and anything else that is there for yes.
bool readFlag(const sdk::HttpRequest& request, std::string_view name, bool absent);

}  // namespace nsq::http_api
