#include "configuration.h"

#include <Poco/Dynamic/Var.h>
#include <Poco/JSON/Stringifier.h>

#include <sstream>

#include "replies.h"

namespace nsq::http_api {

namespace {

std::string toJson(const Poco::Dynamic::Var& value) {
    std::ostringstream json;
    if (!value.isArray()) {
        Poco::JSON::Stringifier::stringify(value, json);
        return json.str();
    }
    json << '[';
    for (std::size_t i = 0; i < value.size(); ++i) {
        if (i > 0) json << ',';
        Poco::JSON::Stringifier::stringify(value[i], json);
    }
    json << ']';
    return json.str();
}

}  // namespace

sdk::HttpResponse getOption(sdk::Host& host, const sdk::HttpRequest& request) {
    const auto option = host.option(request.pathParameter);
    if (!option) return errorReply(400, "INVALID_OPTION");
    const Poco::Dynamic::Var& value = option.value();
    // nsqd sends a text as it is and everything else as JSON.
    if (value.isString()) return textReply(value.convert<std::string>());
    return jsonReply(toJson(value));
}

sdk::HttpResponse putOption(sdk::Host& host, const sdk::HttpRequest& request) {
    if (request.body.empty()) return errorReply(413, "INVALID_VALUE");
    if (const auto set = host.setOption(request.pathParameter, request.body); !set) {
        return errorReply(400, set.error().text);
    }
    return getOption(host, request);
}

}  // namespace nsq::http_api
