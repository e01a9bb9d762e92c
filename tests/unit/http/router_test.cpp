#include "http/router.h"

#include <catch2/catch.hpp>

namespace nsq::http {

namespace {

sdk::HttpRoute route(std::string method, std::string path) {
    sdk::HttpRoute made;
    made.method = std::move(method);
    made.path = std::move(path);
    made.handler = [](const sdk::HttpRequest&) { return sdk::HttpResponse{}; };
    return made;
}

}  // namespace

TEST_CASE("Router finds a route by method and path") {
    Router router;
    REQUIRE(router.add(route("GET", "/stats"), "a"));
    REQUIRE(router.add(route("POST", "/pub"), "a"));

    const RouteMatch match = router.find("GET", "/stats");
    REQUIRE(match.entry != nullptr);
    CHECK(match.entry->route.path == "/stats");
    CHECK(match.entry->plugin == "a");
    CHECK(router.find("HEAD", "/stats").entry == match.entry);

    CHECK(router.find("POST", "/stats").entry == nullptr);
    CHECK(*router.find("POST", "/stats").allow == "GET, HEAD, OPTIONS");
    CHECK(router.find("HEAD", "/pub").entry == nullptr);
    CHECK(*router.find("GET", "/pub").allow == "OPTIONS, POST");
    CHECK(router.find("GET", "/nope").allow == nullptr);
    CHECK(router.find("GET", "").allow == nullptr);
    CHECK(router.find("GET", "stats").allow == nullptr);
}

TEST_CASE("Router takes a parameter as the last segment") {
    Router router;
    REQUIRE(router.add(route("GET", "/config/:opt")));
    REQUIRE(router.add(route("PUT", "/config/:opt")));
    REQUIRE(router.add(route("GET", "/config/all")));

    const std::string path = "/config/log_level";
    const RouteMatch match = router.find("PUT", path);
    REQUIRE(match.entry != nullptr);
    CHECK(match.entry->route.method == "PUT");
    CHECK(match.parameter == "log_level");
    CHECK(*match.allow == "GET, HEAD, OPTIONS, PUT");
    CHECK(router.find("GET", "/config/all").parameter.empty());
    CHECK(router.find("GET", "/config/").allow == nullptr);
    CHECK(router.find("GET", "/config").allow == nullptr);
    CHECK(router.find("GET", "/config/a/b").allow == nullptr);
}

TEST_CASE("Router refuses a route that is taken and names both") {
    Router router;
    REQUIRE(router.add(route("GET", "/config/:opt"), "first"));
    REQUIRE(router.add(route("PUT", "/config/:opt"), "second"));
    const auto again = router.add(route("GET", "/config/:name"), "second");
    REQUIRE_FALSE(again);
    CHECK(again.error().code == sdk::ErrorCode::kInvalid);
    CHECK(again.error().text ==
          "route GET /config/:name of plugin second is already taken by GET /config/:opt of plugin first");
    CHECK(router.find("GET", "/config/x").entry->plugin == "first");
}

TEST_CASE("Router refuses malformed routes") {
    Router router;
    CHECK(router.add(route("PATCH", "/a")).error().text ==
          "route PATCH /a: the method is not GET, POST, PUT or DELETE");
    CHECK(router.add(route("GET", "a")).error().text == "route GET a: the path does not begin with /");
    CHECK(router.add(route("GET", "/:a/b")).error().text ==
          "route GET /:a/b: only the last segment may be a parameter");
    sdk::HttpRoute mute = route("GET", "/a");
    mute.handler = nullptr;
    CHECK(router.add(mute).error().text == "route GET /a: there is no handler");
}

TEST_CASE("Router keeps the first fallback") {
    Router router;
    CHECK(router.fallback().notFound.status == 404);
    CHECK(router.fallback().methodNotAllowed.status == 405);
    CHECK(router.fallback().internalError.status == 500);
    sdk::HttpFallback fallback;
    fallback.notFound.body = "first";
    router.setFallback(fallback);
    fallback.notFound.body = "second";
    router.setFallback(fallback);
    CHECK(router.fallback().notFound.body == "first");
}

TEST_CASE("Router corrects a path that was nearly right") {
    Router router;
    REQUIRE(router.add(route("GET", "/stats")));
    REQUIRE(router.add(route("POST", "/topic/create")));
    REQUIRE(router.add(route("GET", "/config/:opt")));
    CHECK(router.corrected("GET", "//stats") == "/stats");
    CHECK(router.corrected("GET", "/stats/") == "/stats");
    CHECK(router.corrected("GET", "/a/../stats") == "/stats");
    CHECK(router.corrected("GET", "/../Stats") == "/stats");
    CHECK(router.corrected("POST", "/topic//create/") == "/topic/create");
    CHECK(router.corrected("GET", "/config/Opt/") == "/config/Opt");
    CHECK(router.corrected("POST", "//stats") == std::nullopt);
    CHECK(router.corrected("GET", "/stats") == std::nullopt);
    CHECK(router.corrected("GET", "/nope/") == std::nullopt);
    CHECK(router.corrected("GET", "/..") == std::nullopt);
}

}  // namespace nsq::http
