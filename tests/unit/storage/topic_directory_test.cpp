#include "storage/topic_directory.h"

#include <catch2/catch.hpp>

namespace nsq::storage {
namespace {

TEST_CASE("a topic's directory lies below topics, whatever its name", "[topic_directory]") {
    CHECK(topicDirectory("/d", "orders") == "/d/topics/orders");
    CHECK(topicDirectory("/d", "a.b") == "/d/topics/a.b");
    CHECK(topicDirectory("/d", ".") == "/d/topics/%2e");
    CHECK(topicDirectory("/d", "..") == "/d/topics/%2e.");
    CHECK(topicDirectory("/d", "...") == "/d/topics/%2e..");
    CHECK(topicDirectory("/d", ".x") == "/d/topics/%2ex");
    for (const char* name : {".", "..", "...", ".x", "x", "..x"}) {
        CHECK(topicDirectory("/d", name).lexically_normal().parent_path() == "/d/topics");
    }
}

TEST_CASE("a directory tells its topic", "[topic_directory]") {
    for (const char* name : {"orders", "a.b", ".", "..", "...", ".x", "2e", "x#ephemeral"}) {
        CAPTURE(name);
        CHECK(topicOf(topicDirectory("/d", name)) == name);
    }
    CHECK(topicOf("/d/topics/.deleted-12").empty());
}

TEST_CASE("no two names of a topic's files are alike", "[topic_directory]") {
    CHECK(stateFile("/d").parent_path() == "/d");
    CHECK(stateFile("/d").extension() != segmentFile("/d", 0).extension());
    CHECK(segmentFile("/d", 0) != segmentFile("/d", UINT64_MAX));
}

TEST_CASE("segment files sort by their first sequence number", "[topic_directory]") {
    CHECK(segmentFile("/d", 7) == "/d/00000000000000000007.log");
    CHECK(segmentFile("/d", 9) < segmentFile("/d", 10));
    CHECK(segmentFile("/d", 99'999'999'999) < segmentFile("/d", UINT64_MAX));
    CHECK(segmentFile("/d", 9).extension() == ".log");
}

}  // namespace
}  // namespace nsq::storage
