#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nsq/sdk/http.h"
#include "nsq/sdk/result.h"

namespace nsq::http {

/// A route and whose it is.
struct RouteEntry {
    sdk::HttpRoute route;
    std::string plugin;  ///< for logs; may be empty
};

/// What the router says of a method and a path.
struct RouteMatch {
    const RouteEntry* entry = nullptr;  ///< null when the path or the method is unknown
    std::string_view parameter;         ///< the part of the asked path that stands for `:name`
    const std::string* allow =
        nullptr;  ///< the path's methods as an Allow header has them; null: unknown path
};

/// Which plugin answers which request. Filled before the server starts, read-only from then on.
/// THREAD: main for add and setFallback; any for the rest, once the server has started.
class Router {
public:
    Router();

    /// kInvalid when the route is malformed, or method and path are taken: the text names both then.
    sdk::Result<void> add(sdk::HttpRoute route, std::string plugin = {});

    /// The first call wins.
    void setFallback(sdk::HttpFallback fallback);
    const sdk::HttpFallback& fallback() const { return fallback_; }

    /// HEAD finds GET's route. `path` is decoded. What is returned lives as long as the router and `path`.
    RouteMatch find(std::string_view method, std::string_view path) const;

    /// The path that was probably meant by one without route: the same without needless slashes, or in lower
    /// case. Nothing unless it has a route of that method.
    std::optional<std::string> corrected(std::string_view method, std::string_view path) const;

private:
    /// A path's routes, one a method.
    struct Node {
        std::vector<std::unique_ptr<RouteEntry>> entries;
        std::string allow;

        const RouteEntry* find(std::string_view method) const;
        void updateAllow();
    };
    using Nodes = std::map<std::string, Node, std::less<>>;

    Nodes exact_;
    Nodes parameterised_;  ///< by what stands before the parameter, `/config/`
    sdk::HttpFallback fallback_;
    bool haveFallback_ = false;
};

}  // namespace nsq::http
