// Feeds an HTTP session, with the routes of the HTTP API, with any bytes, at once and cut at any places: the
// same requests have to be seen. The first byte of the input says how long the pieces are.

#include <cctype>
#include <memory>
#include <string>
#include <string_view>

#include "fuzz/input.h"
#include "http/http_session.h"
#include "nsq/sdk/plugin.h"
#include "nsq/sdk/testing/fake_connection.h"
#include "nsq/sdk/testing/fake_host.h"
#include "nsq/sdk/testing/fake_loop.h"

/// The HTTP API's plugin is part of this program.
extern "C" const void* nsq_plugin_factory;

namespace {

using namespace nsq;

/// Nothing runs on workers, so that there is one thread.
class Routes final : public sdk::Registrar {
public:
    explicit Routes(http::Router& router) : router_{router} {}

    sdk::Result<void> addProtocol(sdk::Magic, std::shared_ptr<sdk::Protocol>) override {
        return sdk::Error{sdk::ErrorCode::kInvalid, "HTTP only"};
    }
    sdk::Result<void> addRoute(sdk::HttpRoute route) override {
        route.isQuick = true;
        return router_.add(std::move(route), "http_api");
    }
    void setFallback(sdk::HttpFallback fallback) override { router_.setFallback(std::move(fallback)); }
    sdk::Result<void> addStatistics(sdk::StatisticsSource) override { return {}; }

private:
    http::Router& router_;
};

/// The status of each answer; what a 100 asks for depends on what has come.
std::string statusesOf(std::string_view output) {
    constexpr std::string_view kVersion = "HTTP/1.1 ";
    std::string statuses;
    for (std::size_t at = output.find("HTTP/1."); at != std::string_view::npos;
         at = output.find("HTTP/1.", at + 1)) {
        const std::string_view status = output.substr(std::min(at + kVersion.size(), output.size()), 3);
        if (status != "100") statuses += std::string{status} + ' ';
    }
    return statuses;
}

/// A server with this one client. Returns what it answers.
std::string answer(std::string_view requests, std::size_t piece) {
    sdk::testing::FakeHost host;
    host.limitValues.maxMsgSize = 1000;
    host.limitValues.maxBodySize = 3000;
    host.options["log_level"] = 2;
    http::Router router;
    Routes routes{router};
    const auto factory = reinterpret_cast<sdk::PluginFactory*>(const_cast<void*>(nsq_plugin_factory));
    const std::unique_ptr<sdk::Plugin> api = factory();
    fuzz::check(api->start(host, routes).ok(), "the plugin starts");

    http::WorkerPool workers{1, 1};
    http::BodyBudget bodies{100000};
    sdk::testing::FakeLoop loop;
    http::ReturnQueue home{loop};
    const http::HttpService service{router, workers, bodies, host.logger()};
    sdk::testing::FakeConnection connection{loop};
    http::HttpSession session{connection, service, home};
    connection.attach(session);
    while (!requests.empty()) {
        connection.exchange(requests.substr(0, std::min(piece, requests.size())));
        requests.remove_prefix(std::min(piece, requests.size()));
    }
    return connection.sent();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input{data, size};
    const std::size_t piece = input.byte() + std::size_t{1};
    const std::string_view requests = sdk::asText(input.rest());
    const std::string inPieces = answer(requests, piece);
    const std::string atOnce = answer(requests, requests.size());
    fuzz::check(inPieces.empty() || inPieces.starts_with("HTTP/1."), "answers are HTTP");
    fuzz::check(statusesOf(inPieces) == statusesOf(atOnce), "cut or not, the answers are the same");
    return 0;
}
