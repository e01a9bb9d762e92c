#include "go_text.h"

#include <catch2/catch.hpp>

namespace nsq::http_api {

using namespace std::chrono_literals;

TEST_CASE("Durations read as in Go") {
    CHECK(goDuration(0ns) == "0s");
    CHECK(goDuration(7ns) == "7ns");
    CHECK(goDuration(122362ns) == "122.362\u00b5s");
    CHECK(goDuration(250ms) == "250ms");
    CHECK(goDuration(1500us) == "1.5ms");
    CHECK(goDuration(1s) == "1s");
    CHECK(goDuration(3475603807ns) == "3.475603807s");
    CHECK(goDuration(70236946632ns) == "1m10.236946632s");
    CHECK(goDuration(1min) == "1m0s");
    CHECK(goDuration(1h) == "1h0m0s");
    CHECK(goDuration(50h + 3min + 1ms) == "50h3m0.001s");
    CHECK(goDuration(-2s) == "-2s");
}

TEST_CASE("Times read as in RFC 3339") {
    CHECK(rfc3339(std::chrono::system_clock::from_time_t(1795381541)) == "2026-11-22T21:05:41Z");
    CHECK(rfc3339(std::chrono::system_clock::time_point{}) == "1970-01-01T00:00:00Z");
}

TEST_CASE("Formatted text is appended") {
    std::string text = "a";
    appendFormat(text, "[%-4s] %d", "bc", 7);
    CHECK(text == "a[bc  ] 7");
    appendFormat(text, "%s", std::string(10000, 'x').c_str());
    CHECK(text.size() == 10009);
}

}  // namespace nsq::http_api
