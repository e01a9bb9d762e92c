#include "administration.h"

#include <string_view>

#include "arguments.h"
#include "replies.h"

namespace nsq::http_api {

using sdk::Broker;
using sdk::Host;
using sdk::HttpRequest;
using sdk::HttpResponse;

namespace {

/// nsqd looks the topic up without looking at its name: a bad one is just not there.
template <typename Change>
HttpResponse changeTopic(Host& host, const HttpRequest& request, Change change) {
    std::string_view topic;
    if (Refusal refusal = readTopic(request, topic)) return *std::move(refusal);
    if (!host.broker().hasTopic(topic)) return errorReply(404, "TOPIC_NOT_FOUND");
    return emptyReply(change(host.broker(), topic));
}

template <typename Change>
HttpResponse changeChannel(Host& host, const HttpRequest& request, Change change) {
    std::string_view topic;
    std::string_view channel;
    if (Refusal refusal = readChannel(request, topic, channel)) return *std::move(refusal);
    // Not even /channel/create makes the topic.
    if (!host.broker().hasTopic(topic)) return errorReply(404, "TOPIC_NOT_FOUND");
    return emptyReply(change(host.broker(), topic, channel));
}

}  // namespace

HttpResponse createTopic(Host& host, const HttpRequest& request) {
    std::string_view topic;
    if (Refusal refusal = readValidTopic(request, topic)) return *std::move(refusal);
    return emptyReply(host.broker().createTopic(topic));
}

HttpResponse deleteTopic(Host& host, const HttpRequest& request) {
    return changeTopic(host, request,
                       [](Broker& broker, std::string_view topic) { return broker.deleteTopic(topic); });
}

HttpResponse emptyTopic(Host& host, const HttpRequest& request) {
    std::string_view topic;
    if (Refusal refusal = readValidTopic(request, topic)) return *std::move(refusal);
    return emptyReply(host.broker().emptyTopic(topic));
}

HttpResponse pauseTopic(Host& host, const HttpRequest& request) {
    return changeTopic(host, request,
                       [](Broker& broker, std::string_view topic) { return broker.pauseTopic(topic, true); });
}

HttpResponse unpauseTopic(Host& host, const HttpRequest& request) {
    return changeTopic(host, request, [](Broker& broker, std::string_view topic) {
        return broker.pauseTopic(topic, false);
    });
}

HttpResponse createChannel(Host& host, const HttpRequest& request) {
    return changeChannel(host, request, [](Broker& broker, std::string_view topic, std::string_view channel) {
        return broker.createChannel(topic, channel);
    });
}

HttpResponse deleteChannel(Host& host, const HttpRequest& request) {
    return changeChannel(host, request, [](Broker& broker, std::string_view topic, std::string_view channel) {
        return broker.deleteChannel(topic, channel);
    });
}

HttpResponse emptyChannel(Host& host, const HttpRequest& request) {
    return changeChannel(host, request, [](Broker& broker, std::string_view topic, std::string_view channel) {
        return broker.emptyChannel(topic, channel);
    });
}

HttpResponse pauseChannel(Host& host, const HttpRequest& request) {
    return changeChannel(host, request, [](Broker& broker, std::string_view topic, std::string_view channel) {
        return broker.pauseChannel(topic, channel, true);
    });
}

HttpResponse unpauseChannel(Host& host, const HttpRequest& request) {
    return changeChannel(host, request, [](Broker& broker, std::string_view topic, std::string_view channel) {
        return broker.pauseChannel(topic, channel, false);
    });
}

}  // namespace nsq::http_api
