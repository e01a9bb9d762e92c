#include "replies.h"

#include <Poco/JSON/Stringifier.h>

#include <sstream>
#include <utility>

namespace nsq::http_api {

using sdk::ErrorCode;
using sdk::HttpResponse;

namespace {

HttpResponse reply(int status, const char* contentType, std::string body) {
    return {status, contentType, std::move(body), {{"X-NSQ-Content-Type", "nsq; version=1.0"}}};
}

}  // namespace

HttpResponse textReply(std::string text) {
    return reply(200, "text/plain; charset=utf-8", std::move(text));
}

HttpResponse jsonReply(std::string json) {
    return reply(200, "application/json; charset=utf-8", std::move(json));
}

HttpResponse errorReply(int status, std::string_view code) {
    std::ostringstream body;
    body << "{\"message\":";
    Poco::JSON::Stringifier::formatString(std::string{code}, body);
    body << '}';
    HttpResponse response = jsonReply(body.str());
    response.status = status;
    return response;
}

HttpResponse errorReply(const sdk::Error& error) {
    switch (error.code) {
        case ErrorCode::kBadTopic:
            return errorReply(400, "INVALID_TOPIC");
        case ErrorCode::kBadChannel:
            return errorReply(400, "INVALID_ARG_CHANNEL");
        case ErrorCode::kTopicNotFound:
            return errorReply(404, "TOPIC_NOT_FOUND");
        case ErrorCode::kChannelNotFound:
            return errorReply(404, "CHANNEL_NOT_FOUND");
        case ErrorCode::kDeleted:
        case ErrorCode::kExiting:
            // As nsqd has it: a topic that is being deleted is exiting.
            return errorReply(503, "EXITING");
        case ErrorCode::kStorage:
        case ErrorCode::kInvalid:
            return errorReply(500, error.text);
        case ErrorCode::kTooManyConsumers:
        case ErrorCode::kNotInFlight:
        case ErrorCode::kNotOwner:
        case ErrorCode::kAuthFailed:
        case ErrorCode::kInternal:
            break;
    }
    return errorReply(500, "INTERNAL_ERROR");
}

HttpResponse emptyReply(const sdk::Result<void>& result) {
    return result ? textReply({}) : errorReply(result.error());
}

}  // namespace nsq::http_api
