#include "stats/line_packets.h"

#include <catch2/catch.hpp>

namespace nsq::test {
namespace {

using Packets = std::vector<std::string>;

TEST_CASE("lines are put together up to the size", "[stats]") {
    stats::LinePackets packets{10};
    CHECK(packets.take().empty());
    for (const auto* line : {"abcd\n", "efgh\n", "i\n", "jklmnop\n", "q\n"}) packets.add(line);
    CHECK(packets.take() == Packets{"abcd\nefgh\n", "i\njklmnop\n", "q\n"});
    CHECK(packets.take().empty());
    packets.add("new\n");
    CHECK(packets.take() == Packets{"new\n"});
}

TEST_CASE("a line that is too long goes alone", "[stats]") {
    stats::LinePackets packets{6};
    for (const auto* line : {"a\n", "bcdefghi\n", "c\n", "defghijk\n", "lmnopqrs\n"}) packets.add(line);
    CHECK(packets.take() == Packets{"a\n", "bcdefghi\n", "c\n", "defghijk\n", "lmnopqrs\n"});
}

}  // namespace
}  // namespace nsq::test
