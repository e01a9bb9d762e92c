#include "nsq/sdk/result.h"

#include <catch2/catch.hpp>
#include <memory>

using namespace nsq::sdk;

TEST_CASE("a result holds a value or an error") {
    const Result<int> good = 3;
    REQUIRE(good.ok());
    REQUIRE(static_cast<bool>(good));
    REQUIRE(good.value() == 3);
    const Result<int> bad = Error{ErrorCode::kStorage, "full"};
    REQUIRE(!bad.ok());
    REQUIRE(!bad);
    REQUIRE(bad.error().code == ErrorCode::kStorage);
    REQUIRE(bad.error().text == "full");
}

TEST_CASE("a result without a value") {
    const Result<void> good;
    REQUIRE(good.ok());
    const Result<void> bad = Error{ErrorCode::kExiting, "exiting"};
    REQUIRE(!bad);
    REQUIRE(bad.error().code == ErrorCode::kExiting);
}

TEST_CASE("a value can be moved out of a result") {
    Result<std::unique_ptr<int>> result = std::make_unique<int>(5);
    const std::unique_ptr<int> value = std::move(result).value();
    REQUIRE(*value == 5);
}
