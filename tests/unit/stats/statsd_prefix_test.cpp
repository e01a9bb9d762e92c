#include "stats/statsd_prefix.h"

#include <catch2/catch.hpp>

namespace nsq::test {
namespace {

using stats::statsdPrefix;

TEST_CASE("the prefix names the server", "[stats]") {
    CHECK(statsdPrefix("nsq.%s", "host.example", 4151) == "nsq.host_example_4151.");
    CHECK(statsdPrefix("nsq.%s", "::1", 4151) == "nsq.[__1]_4151.");
    CHECK(statsdPrefix("a%sb%s.", "x.y", 7) == "ax_y_7bx_y_7.");
    CHECK(statsdPrefix("plain", "host", 1) == "plain.");
    CHECK(statsdPrefix("plain.", "host", 1) == "plain.");
    CHECK(statsdPrefix("%s", "%s", 1) == "%s_1.");
    CHECK(statsdPrefix("", "host", 1).empty());
}

}  // namespace
}  // namespace nsq::test
