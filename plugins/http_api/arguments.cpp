#include "arguments.h"

#include "nsq/sdk/names.h"
#include "replies.h"

namespace nsq::http_api {

Refusal readTopic(const sdk::HttpRequest& request, std::string_view& topic) {
    if (request.badQuery) return errorReply(400, "INVALID_REQUEST");
    const std::string* value = request.queryValue("topic");
    if (value == nullptr) return errorReply(400, "MISSING_ARG_TOPIC");
    topic = *value;
    return std::nullopt;
}

Refusal readValidTopic(const sdk::HttpRequest& request, std::string_view& topic) {
    if (Refusal refusal = readTopic(request, topic)) return refusal;
    if (!sdk::isValidTopicName(topic)) return errorReply(400, "INVALID_TOPIC");
    return std::nullopt;
}

Refusal readChannel(const sdk::HttpRequest& request, std::string_view& topic, std::string_view& channel) {
    if (Refusal refusal = readTopic(request, topic)) return refusal;
    if (!sdk::isValidTopicName(topic)) return errorReply(400, "INVALID_ARG_TOPIC");
    const std::string* value = request.queryValue("channel");
    if (value == nullptr) return errorReply(400, "MISSING_ARG_CHANNEL");
    channel = *value;
    if (!sdk::isValidChannelName(channel)) return errorReply(400, "INVALID_ARG_CHANNEL");
    return std::nullopt;
}

bool readFlag(const sdk::HttpRequest& request, std::string_view name, bool absent) {
    const std::string* value = request.queryValue(name);
    return value == nullptr ? absent : *value != "false" && *value != "0";
}

}  // namespace nsq::http_api
