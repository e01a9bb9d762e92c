#include "nsq/sdk/http.h"

#include <catch2/catch.hpp>

using namespace nsq::sdk;

TEST_CASE("the first query parameter or header of a name is found") {
    HttpRequest request;
    request.query = {{"topic", "a"}, {"topic", "b"}, {"empty", ""}};
    request.headers = {{"host", "here"}};
    REQUIRE(*request.queryValue("topic") == "a");
    REQUIRE(request.queryValue("empty")->empty());
    REQUIRE(request.queryValue("Topic") == nullptr);
    REQUIRE(*request.header("host") == "here");
    REQUIRE(request.header("topic") == nullptr);
}
