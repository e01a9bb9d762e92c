#include "net/input_buffer.h"

#include <catch2/catch.hpp>
#include <string>

using namespace nsq;
using nsq::net::InputBuffer;

namespace {

std::string text(const InputBuffer& buffer) {
    return std::string{sdk::asText(buffer.bytes())};
}

}  // namespace

TEST_CASE("an input buffer keeps what is left in order") {
    InputBuffer buffer;
    REQUIRE(buffer.empty());
    buffer.assign(sdk::asBytes("abcdef"));
    buffer.consume(2);
    REQUIRE(text(buffer) == "cdef");
    buffer.append(sdk::asBytes("gh"), 100);
    REQUIRE(text(buffer) == "cdefgh");
    buffer.consume(6);
    REQUIRE(buffer.empty());
    buffer.append(sdk::asBytes("x"), 0);
    REQUIRE(text(buffer) == "x");
    buffer.assign({});
    REQUIRE(buffer.empty());
}

TEST_CASE("a long input buffer can be used up bit by bit") {
    std::string all;
    for (int i = 0; i < 20'000; ++i) all += std::to_string(i);
    InputBuffer buffer;
    for (std::size_t at = 0; at < all.size(); at += 1000) {
        buffer.append(sdk::asBytes(std::string_view{all}.substr(at, 1000)), all.size());
    }
    std::string back;
    for (std::size_t step = 1; !buffer.empty(); step = step % 97 + 1) {
        const std::size_t count = std::min(step, buffer.size());
        back += sdk::asText(buffer.bytes().first(count));
        buffer.consume(count);
    }
    REQUIRE(back == all);
}
