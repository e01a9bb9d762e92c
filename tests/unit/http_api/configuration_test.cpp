#include "configuration.h"

#include <Poco/Dynamic/Var.h>

#include <catch2/catch.hpp>

#include "fake_host.h"

namespace nsq::http_api::test {

namespace {

sdk::HttpRequest forOption(std::string name, std::string body = {}) {
    sdk::HttpRequest made = request({}, std::move(body));
    made.pathParameter = std::move(name);
    return made;
}

}  // namespace

TEST_CASE("Options are shown as nsqd does") {
    FakeHost host;
    host.options["statsd_prefix"] = std::string{"nsq.%s \"x\""};
    host.options["mem_queue_size"] = std::int64_t{10000};
    host.options["deflate"] = true;
    host.options["addresses"] = Poco::Dynamic::Array{"a:1", "b\"c"};
    host.options["percentiles"] = Poco::Dynamic::Array{0.5, 1};
    host.options["none"] = Poco::Dynamic::Array{};

    const sdk::HttpResponse prefix = getOption(host, forOption("statsd_prefix"));
    CHECK(prefix.contentType == "text/plain; charset=utf-8");
    CHECK(prefix.body == "nsq.%s \"x\"");
    const std::pair<std::string, std::string> asJson[] = {{"mem_queue_size", "10000"},
                                                          {"deflate", "true"},
                                                          {"addresses", "[\"a:1\",\"b\\\"c\"]"},
                                                          {"percentiles", "[0.5,1]"},
                                                          {"none", "[]"}};
    for (const auto& [name, json] : asJson) {
        const sdk::HttpResponse response = getOption(host, forOption(name));
        CHECK(response.status == 200);
        CHECK(response.contentType == "application/json; charset=utf-8");
        CHECK(response.body == json);
    }
    CHECK(text(getOption(host, forOption("nosuch"))) == error(400, "INVALID_OPTION"));
}

TEST_CASE("An option is changed and shown") {
    FakeHost host;
    host.options["log_level"] = 2;
    CHECK(putOption(host, forOption("log_level", "debug")).body == "1");
    CHECK(text(putOption(host, forOption("log_level", "loud"))) == error(400, "INVALID_VALUE"));
    CHECK(text(putOption(host, forOption("mem_queue_size", "1"))) == error(400, "INVALID_OPTION"));
    CHECK(text(putOption(host, forOption("log_level"))) == error(413, "INVALID_VALUE"));
    CHECK(text(putOption(host, forOption("nosuch"))) == error(413, "INVALID_VALUE"));
}

}  // namespace nsq::http_api::test
