#include "http/access.h"

#include <fmt/format.h>

#include <string_view>

namespace nsq::http {

namespace {

bool onlyReads(std::string_view method) {
    return method == "GET" || method == "HEAD" || method == "OPTIONS";
}

/// An error in the shape of nsqd's HTTP API.
sdk::HttpResponse errorResponse(int status, std::string_view code) {
    return {status,
            "application/json; charset=utf-8",
            fmt::format("{{\"message\":\"{}\"}}", code),
            {{"X-NSQ-Content-Type", "nsq; version=1.0"}}};
}

}  // namespace

std::optional<sdk::HttpResponse> refusal(const Access& access, const sdk::HttpRequest& request) {
    if (onlyReads(request.method)) return std::nullopt;
    if (access.readOnly) return errorResponse(403, "READ_ONLY");
    if (access.token == nullptr || access.token->isBornBy(request)) return std::nullopt;
    sdk::HttpResponse response = errorResponse(401, "UNAUTHORIZED");
    response.headers.emplace_back("WWW-Authenticate", "Bearer");
    return response;
}

}  // namespace nsq::http
