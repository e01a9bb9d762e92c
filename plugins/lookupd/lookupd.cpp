#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "answers.h"
#include "cleaner.h"
#include "nsq/sdk/plugin.h"
#include "registration_db.h"
#include "replies.h"
#include "v1_protocol.h"

namespace nsq::lookupd {

namespace {

/// Requests may have a body, which is not looked at (chosen, bytes).
constexpr std::size_t kIgnoredBody = 64 * 1024;

/// The program that has nsqd's own API, some of whose paths are nsqlookupd's as well.
constexpr std::string_view kOther = "nsqd";

/// Where they are there.
constexpr std::string_view kPrefix = "/lookupd";

struct Entry {
    const char* method;
    const char* path;
    sdk::HttpResponse (*answer)(Lookupd& lookupd, const sdk::HttpRequest& request);
    bool isShared = false;  ///< nsqd's API has the path too
};

constexpr Entry kEntries[] = {
    {"GET", "/ping", ping, true},
    {"GET", "/info", info, true},
    {"GET", "/topics", topics},
    {"GET", "/channels", channels},
    {"GET", "/lookup", lookup},
    {"GET", "/nodes", nodes},
    {"GET", "/debug", debug},
    {"POST", "/topic/create", createTopic, true},
    {"POST", "/topic/delete", deleteTopic, true},
    {"POST", "/topic/tombstone", tombstoneTopic},
    {"POST", "/channel/create", createChannel, true},
    {"POST", "/channel/delete", deleteChannel, true},
};

/// nsqlookupd: protocol, HTTP API, and who is registered.
class LookupdPlugin final : public sdk::Plugin {
public:
    sdk::Result<void> start(sdk::Host& host, sdk::Registrar& registrar) override {
        const auto inactive = durationOption(host, "inactive_producer_timeout");
        if (!inactive) return inactive.error();
        const auto tombstone = durationOption(host, "tombstone_lifetime");
        if (!tombstone) return tombstone.error();
        lookupd_.emplace(Lookupd{host.info(), db_, inactive.value(), tombstone.value()});
        cleaner_ = std::make_unique<Cleaner>(db_);
        auto protocol = std::make_shared<V1Protocol>(host, db_, *cleaner_);
        if (auto added = registrar.addProtocol(V1Protocol::kMagic, std::move(protocol)); !added) return added;
        return addRoutes(host, registrar);
    }

    void stop() override { cleaner_.reset(); }

private:
    static sdk::Result<std::chrono::nanoseconds> durationOption(sdk::Host& host, std::string_view name) {
        const auto option = host.option(name);
        if (!option) return option.error();
        return std::chrono::nanoseconds{option.value().convert<std::int64_t>()};
    }

    sdk::Result<void> addRoutes(const sdk::Host& host, sdk::Registrar& registrar) {
        const bool isGuest = host.info().program == kOther;
        for (const Entry& entry : kEntries) {
            sdk::HttpRoute route;
            route.method = entry.method;
            route.path = entry.isShared && isGuest ? std::string{kPrefix} + entry.path : entry.path;
            route.handler = [this, answer = entry.answer](const sdk::HttpRequest& request) {
                return answer(*lookupd_, request);
            };
            route.maxBody = kIgnoredBody;
            route.tooLarge = http_api::errorReply(413, "BODY_TOO_BIG");
            if (auto added = registrar.addRoute(std::move(route)); !added) return added;
        }
        registrar.setFallback({http_api::errorReply(404, "NOT_FOUND"),
                               http_api::errorReply(405, "METHOD_NOT_ALLOWED"),
                               http_api::errorReply(500, "INTERNAL_ERROR")});
        return {};
    }

    RegistrationDb db_;
    std::optional<Lookupd> lookupd_;
    std::unique_ptr<Cleaner> cleaner_;  ///< the last member: uses the others
};

}  // namespace

}  // namespace nsq::lookupd

NSQ_SDK_PLUGIN(nsq::lookupd::LookupdPlugin, nsq::sdk::kProtocolPlugin | nsq::sdk::kHttpPlugin, "lookupd",
               "1.0")
