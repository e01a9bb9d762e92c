#include "http/router.h"

#include <Poco/String.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "http/target.h"

namespace nsq::http {

namespace {

constexpr std::array<std::string_view, 4> kMethods{"GET", "POST", "PUT", "DELETE"};

/// Why a route cannot be, or empty.
std::string problemOf(const sdk::HttpRoute& route) {
    const std::string what = fmt::format("route {} {}", route.method, route.path);
    if (std::ranges::find(kMethods, route.method) == kMethods.end()) {
        return fmt::format("{}: the method is not GET, POST, PUT or DELETE", what);
    }
    if (!route.path.starts_with('/')) return fmt::format("{}: the path does not begin with /", what);
    const std::size_t colon = route.path.find("/:");
    if (colon != std::string::npos && route.path.find('/', colon + 1) != std::string::npos) {
        return fmt::format("{}: only the last segment may be a parameter", what);
    }
    if (!route.handler) return fmt::format("{}: there is no handler", what);
    return {};
}

std::string ownerText(const RouteEntry& entry) {
    return entry.plugin.empty() ? std::string{} : fmt::format(" of plugin {}", entry.plugin);
}

sdk::HttpFallback plainFallback() {
    return {{404, "text/plain; charset=utf-8", "not found\n", {}},
            {405, "text/plain; charset=utf-8", "method not allowed\n", {}},
            {500, "text/plain; charset=utf-8", "internal error\n", {}}};
}

}  // namespace

const RouteEntry* Router::Node::find(std::string_view method) const {
    const auto found = std::ranges::find_if(entries, [method](const std::unique_ptr<RouteEntry>& entry) {
        return entry->route.method == method;
    });
    return found == entries.end() ? nullptr : found->get();
}

void Router::Node::updateAllow() {
    std::vector<std::string_view> methods{"OPTIONS"};
    for (const auto& entry : entries) {
        methods.push_back(entry->route.method);
        if (entry->route.method == "GET") methods.push_back("HEAD");
    }
    std::ranges::sort(methods);
    allow = fmt::format("{}", fmt::join(methods, ", "));
}

Router::Router() : fallback_(plainFallback()) {}

sdk::Result<void> Router::add(sdk::HttpRoute route, std::string plugin) {
    if (std::string problem = problemOf(route); !problem.empty()) {
        return sdk::Error{sdk::ErrorCode::kInvalid, std::move(problem)};
    }
    const std::size_t colon = route.path.find("/:");
    Node& node =
        colon == std::string::npos ? exact_[route.path] : parameterised_[route.path.substr(0, colon + 1)];
    auto entry = std::make_unique<RouteEntry>(RouteEntry{std::move(route), std::move(plugin)});
    if (const RouteEntry* taken = node.find(entry->route.method)) {
        return sdk::Error{
            sdk::ErrorCode::kInvalid,
            fmt::format("route {} {}{} is already taken by {} {}{}", entry->route.method, entry->route.path,
                        ownerText(*entry), taken->route.method, taken->route.path, ownerText(*taken))};
    }
    node.entries.push_back(std::move(entry));
    node.updateAllow();
    return {};
}

void Router::setFallback(sdk::HttpFallback fallback) {
    if (!haveFallback_) fallback_ = std::move(fallback);
    haveFallback_ = true;
}

RouteMatch Router::find(std::string_view method, std::string_view path) const {
    RouteMatch match;
    const Node* node = nullptr;
    if (const auto found = exact_.find(path); found != exact_.end()) {
        node = &found->second;
    } else if (const std::size_t slash = path.rfind('/');
               slash != std::string_view::npos && slash + 1 < path.size()) {
        const auto parent = parameterised_.find(path.substr(0, slash + 1));
        if (parent == parameterised_.end()) return match;
        node = &parent->second;
        match.parameter = path.substr(slash + 1);
    }
    if (node == nullptr) return match;
    match.entry = node->find(method == "HEAD" ? "GET" : method);
    match.allow = &node->allow;
    return match;
}

std::optional<std::string> Router::corrected(std::string_view method, std::string_view path) const {
    std::string clean = cleanPath(path);
    if (find(method, clean).entry == nullptr) Poco::toLowerInPlace(clean);
    if (clean == path || find(method, clean).entry == nullptr) return std::nullopt;
    return clean;
}

}  // namespace nsq::http
