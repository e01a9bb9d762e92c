#include "publishing.h"

#include <charconv>
#include <chrono>
#include <optional>
#include <span>
#include <string_view>

#include "arguments.h"
#include "mpub_body.h"
#include "replies.h"

namespace nsq::http_api {

using std::chrono::milliseconds;

namespace {

sdk::HttpResponse commit(sdk::Host& host, std::string_view topic, std::span<const sdk::Bytes> bodies,
                         milliseconds delay) {
    const auto published = host.broker().publish({topic, bodies, delay});
    return published ? textReply("OK") : errorReply(published.error());
}

/// A decimal number of milliseconds up to `limit`, with a sign or without.
std::optional<milliseconds> parseDelay(std::string_view text, milliseconds limit) {
    if (text.starts_with('+')) text.remove_prefix(1);
    milliseconds::rep value = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
    if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size()) return std::nullopt;
    if (value < 0 || value > limit.count()) return std::nullopt;
    return milliseconds{value};
}

}  // namespace

sdk::HttpResponse publish(sdk::Host& host, const sdk::HttpRequest& request) {
    if (request.body.empty()) return errorReply(400, "MSG_EMPTY");
    std::string_view topic;
    if (Refusal refusal = readValidTopic(request, topic)) return *std::move(refusal);
    std::optional<milliseconds> delay{0};
    if (const std::string* text = request.queryValue("defer")) {
        delay = parseDelay(*text, host.limits().maxReqTimeout);
        if (!delay) return errorReply(400, "INVALID_DEFER");
    }
    const sdk::Bytes body = sdk::asBytes(request.body);
    return commit(host, topic, {&body, 1}, *delay);
}

sdk::HttpResponse publishMany(sdk::Host& host, const sdk::HttpRequest& request) {
    std::string_view topic;
    if (Refusal refusal = readValidTopic(request, topic)) return *std::move(refusal);
    const sdk::Limits& limits = host.limits();
    const sdk::Bytes body = sdk::asBytes(request.body);
    const Messages messages = readFlag(request, "binary", false)
                                  ? splitBinary(body, limits.maxMsgSize, limits.maxBodySize)
                                  : splitLines(body, limits.maxMsgSize);
    if (!messages) return errorReply(413, messages.error().text);
    if (!messages.value().empty()) return commit(host, topic, messages.value(), milliseconds{0});
    // nsqd makes the topic before it looks for messages.
    const auto created = host.broker().createTopic(topic);
    return created ? textReply("OK") : errorReply(created.error());
}

}  // namespace nsq::http_api
