#include "options/runtime_options.h"

#include <catch2/catch.hpp>

#include "options/option_table.h"

using namespace nsq::options;

namespace {

Options sample() {
    Options options;
    options.nodeId = 5;
    options.plugins = {"a", "b"};
    options.latencyPercentiles = {0.75, 0.5};
    return options;
}

struct Fixture {
    std::vector<LogLevel> levels;
    RuntimeOptions options{sample(), [this](const Options& changed) { levels.push_back(changed.logLevel); }};

    std::string setError(std::string_view key, std::string_view value) {
        const auto done = options.set(key, value);
        return done ? "" : done.error().text;
    }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "options are found by their name in the configuration file") {
    CHECK(options.get("id").value() == 5);
    CHECK(options.get("log_level").value() == 2);
    CHECK(options.get("msg_timeout").value() == std::int64_t{60'000'000'000});
    CHECK(options.get("tcp_address").value() == "0.0.0.0:4150");
    CHECK(options.get("http_api").value() == true);
    CHECK(options.get("tls_required").value() == 0);
    CHECK(options.get("tls_min_version").value() == 769);
    const auto plugins = options.get("plugins").value();
    REQUIRE(plugins.isArray());
    CHECK(plugins.size() == 2);
    CHECK(plugins[1] == "b");
    const auto numbers = options.get("e2e_processing_latency_percentiles").value();
    REQUIRE(numbers.isArray());
    CHECK(numbers.size() == 2);
    CHECK(numbers[0] == 0.75);
}

TEST_CASE_METHOD(Fixture, "every option of the file has a value") {
    for (const OptionSpec& spec : optionTable(Program::kNsqd)) {
        CAPTURE(spec.flag);
        if (!spec.key.empty() && !spec.isSecret) CHECK(options.get(spec.key));
    }
}

TEST_CASE_METHOD(Fixture, "what is no option has none") {
    for (const auto* key :
         {"", "node-id", "node_id", "config", "version", "help", "plugin", "http_auth_token"}) {
        CAPTURE(key);
        REQUIRE_FALSE(options.get(key));
        CHECK(options.get(key).error().text == "INVALID_OPTION");
        CHECK(setError(key, "x") == "INVALID_OPTION");
    }
}

TEST_CASE_METHOD(Fixture, "the log level can change") {
    CHECK(setError("log_level", "debug").empty());
    CHECK(options.get("log_level").value() == 1);
    CHECK(setError("log_level", "ERROR").empty());
    CHECK(levels == std::vector{LogLevel::kDebug, LogLevel::kError});
}

TEST_CASE_METHOD(Fixture, "a value that is none changes nothing") {
    for (const auto* value : {"", "1", "loud"}) CHECK(setError("log_level", value) == "INVALID_VALUE");
    CHECK(options.get("log_level").value() == 2);
    CHECK(levels.empty());
}

TEST_CASE_METHOD(Fixture, "the lookupds can change, all at once") {
    const auto set = [&](std::string_view value) { return setError("nsqlookupd_tcp_addresses", value); };
    CHECK(set(R"(["a:4160", "[::1]:4160", ":1"])").empty());
    CHECK(levels.size() == 1);
    for (const auto* value :
         {"", "a:1", "\"a:1\"", "{}", "[1]", "[null]", "null", "[[\"a:1\"]]", "[\"a:1\"", "[\"a:1\"] x",
          "[\"\"]", "[\"a:1\", \"b\"]", "[\"a:0\"]", "[\"a:x\"]", "[\"a:65536\"]"}) {
        CAPTURE(value);
        CHECK(set(value) == "INVALID_VALUE");
    }
    CHECK(levels.size() == 1);
    const auto addresses = options.get("nsqlookupd_tcp_addresses").value();
    REQUIRE(addresses.size() == 3);
    CHECK(addresses[0] == "a:4160");
    CHECK(addresses[2] == ":1");
    CHECK(set("[]").empty());
    CHECK(options.get("nsqlookupd_tcp_addresses").value().size() == 0);
    CHECK(levels.size() == 2);
}

TEST_CASE_METHOD(Fixture, "there is an end to the lookupds that can be set") {
    const auto arrayOf = [](int count) {
        std::string text = "[";
        for (int i = 0; i < count; ++i) text += (i == 0 ? "" : ",") + ("\"a:" + std::to_string(i + 1) + '"');
        return text + ']';
    };
    CHECK(setError("nsqlookupd_tcp_addresses", arrayOf(64)).empty());
    CHECK(setError("nsqlookupd_tcp_addresses", arrayOf(65)) == "INVALID_VALUE");
    CHECK(options.get("nsqlookupd_tcp_addresses").value().size() == 64);
}

TEST_CASE("a change that cannot be applied is none") {
    RuntimeOptions options{sample(), [](const Options&) { throw std::runtime_error("no more threads"); }};
    CHECK_THROWS(options.set("log_level", "debug"));
    CHECK(options.get("log_level").value() == 2);
}

TEST_CASE_METHOD(Fixture, "other options cannot change") {
    CHECK(setError("max_rdy_count", "5") == "INVALID_OPTION");
    CHECK(options.get("max_rdy_count").value() == 2500);
}
