#include <cstddef>
#include <utility>

#include "administration.h"
#include "configuration.h"
#include "debugging.h"
#include "nsq/sdk/plugin.h"
#include "publishing.h"
#include "replies.h"
#include "server_state.h"

namespace nsq::http_api {

namespace {

/// Requests that need no body may have one, which is not looked at (chosen, bytes).
constexpr std::size_t kIgnoredBody = 64 * 1024;

/// How large a body may be.
enum class BodyLimit { kIgnored, kMessage, kMessages };

/// Where a handler runs.
enum class Runs {
    kOnWorker,
    kQuickly,       ///< on the loop
    kAsPublishing,  ///< on the loop where publishing does not wait for the disk
};

struct Entry {
    const char* method;
    const char* path;
    sdk::HttpResponse (*answer)(sdk::Host& host, const sdk::HttpRequest& request);
    BodyLimit limit = BodyLimit::kIgnored;
    Runs runs = Runs::kOnWorker;
    const char* tooLarge = "BODY_TOO_BIG";
};

constexpr Entry kEntries[] = {
    {"GET", "/ping", ping, BodyLimit::kIgnored, Runs::kQuickly},
    {"GET", "/info", info},
    {"GET", "/stats", stats},
    {"GET", "/plugins", plugins},
    {"POST", "/pub", publish, BodyLimit::kMessage, Runs::kAsPublishing, "MSG_TOO_BIG"},
    {"POST", "/mpub", publishMany, BodyLimit::kMessages, Runs::kAsPublishing},
    {"POST", "/topic/create", createTopic},
    {"POST", "/topic/delete", deleteTopic},
    {"POST", "/topic/empty", emptyTopic},
    {"POST", "/topic/pause", pauseTopic},
    {"POST", "/topic/unpause", unpauseTopic},
    {"POST", "/channel/create", createChannel},
    {"POST", "/channel/delete", deleteChannel},
    {"POST", "/channel/empty", emptyChannel},
    {"POST", "/channel/pause", pauseChannel},
    {"POST", "/channel/unpause", unpauseChannel},
    {"GET", "/config/:opt", getOption},
    {"PUT", "/config/:opt", putOption, BodyLimit::kMessage, Runs::kOnWorker, "INVALID_VALUE"},
    {"POST", "/debug/freememory", freeMemory},
};

std::size_t bytesOf(BodyLimit limit, const sdk::Limits& limits) {
    switch (limit) {
        case BodyLimit::kMessage:
            return static_cast<std::size_t>(limits.maxMsgSize);
        case BodyLimit::kMessages:
            return static_cast<std::size_t>(limits.maxBodySize);
        case BodyLimit::kIgnored:
            break;
    }
    return kIgnoredBody;
}

/// nsqd's HTTP API, as a plugin like any other.
class HttpApi final : public sdk::Plugin {
public:
    sdk::Result<void> start(sdk::Host& host, sdk::Registrar& registrar) override {
        for (const Entry& entry : kEntries) {
            sdk::HttpRoute route;
            route.method = entry.method;
            route.path = entry.path;
            route.handler = [&host, answer = entry.answer](const sdk::HttpRequest& request) {
                return answer(host, request);
            };
            route.isQuick = entry.runs == Runs::kQuickly ||
                            (entry.runs == Runs::kAsPublishing && !host.broker().publishWaits());
            route.maxBody = bytesOf(entry.limit, host.limits());
            route.tooLarge = errorReply(413, entry.tooLarge);
            if (auto added = registrar.addRoute(std::move(route)); !added) return added;
        }
        registrar.setFallback({errorReply(404, "NOT_FOUND"), errorReply(405, "METHOD_NOT_ALLOWED"),
                               errorReply(500, "INTERNAL_ERROR")});
        return {};
    }
};

}  // namespace

}  // namespace nsq::http_api

NSQ_SDK_PLUGIN(nsq::http_api::HttpApi, nsq::sdk::kHttpPlugin, "http_api", "1.0")
