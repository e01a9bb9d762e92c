#include "net/deflate_codec.h"

#include <catch2/catch.hpp>

#include "unit/net/codec_fixture.h"

namespace nsq::net {
namespace {

using test::decoded;
using test::encoded;
using test::fromHex;

// go run: compress/flate, level 6: Write "nsq", Flush, Write 12 times "hello ", Flush; and what Close adds.
const std::string kFromGo = fromHex("ca2b2e04000000ffffca48cdc9c957a09c04000000ffff");
const std::string kGoEnd = fromHex("010000ffff");

std::string goText() {
    std::string text = "nsq";
    for (int i = 0; i < 12; ++i) text += "hello ";
    return text;
}

TEST_CASE("What Go's flate.Writer wrote is decoded", "[deflate]") {
    for (const std::size_t piece : {1, 2, 3, 100}) {
        for (const std::size_t room : {1, 7, 1000}) {
            DeflateCodec codec{6};
            CHECK(decoded(codec, kFromGo, piece, room) == goText());
        }
    }
}

TEST_CASE("What is encoded is decoded, at any level and cut anywhere", "[deflate]") {
    for (int level = 1; level <= 9; ++level) {
        DeflateCodec sender{level};
        DeflateCodec receiver{10 - level};
        for (const std::size_t size : {1, 100, 4090, 4096, 65536, 300000}) {
            for (const std::string& plain : {test::wordy(size), test::randomText(size)}) {
                const std::string wire = encoded(sender, plain);
                CHECK(decoded(receiver, wire, 1 + size / 7, 1 + size / 5) == plain);
            }
        }
    }
}

TEST_CASE("Each encode is flushed, and learns from those before", "[deflate]") {
    DeflateCodec sender{6};
    DeflateCodec receiver{6};
    const std::string plain = test::randomText(1000);
    const std::string first = encoded(sender, plain);
    CHECK(decoded(receiver, first) == plain);
    CHECK(first.substr(first.size() - 4) == fromHex("0000ffff"));
    const std::string again = encoded(sender, plain);
    CHECK(decoded(receiver, again) == plain);
    CHECK(again.size() < 50);
}

TEST_CASE("Nothing encodes to nothing, and is added to what is there", "[deflate]") {
    DeflateCodec codec{1};
    CHECK(encoded(codec, "").empty());
    std::vector<std::byte> wire{std::byte{7}};
    codec.encode(sdk::asBytes("nsq"), wire);
    CHECK(wire.front() == std::byte{7});
    DeflateCodec receiver{1};
    CHECK(decoded(receiver, sdk::asText(wire).substr(1)) == "nsq");
    CHECK(encoded(codec, "").empty());
}

TEST_CASE("A bomb comes out by as much as there is room for", "[deflate]") {
    DeflateCodec sender{9};
    DeflateCodec receiver{9};
    const std::string wire = encoded(sender, std::string(10'000'000, '\0'));
    CHECK(wire.size() < 20'000);
    std::vector<std::byte> room(1000);
    std::size_t produced = 0;
    std::size_t consumed = 0;
    while (true) {
        const Codec::Step step = receiver.decode(sdk::asBytes(std::string_view{wire}.substr(consumed)), room);
        REQUIRE(step.produced <= room.size());
        consumed += step.consumed;
        produced += step.produced;
        if (step.produced < room.size()) break;
    }
    CHECK(produced == 10'000'000);
    CHECK(consumed == wire.size());
}

TEST_CASE("Bytes behind the final block are refused", "[deflate]") {
    DeflateCodec codec{6};
    CHECK(decoded(codec, kFromGo + kGoEnd, 3) == goText());
    CHECK(decoded(codec, "").empty());
    CHECK_THROWS_AS(decoded(codec, kFromGo), CodecError);
    DeflateCodec another{6};
    CHECK_THROWS_WITH(decoded(another, kGoEnd + "x"), "deflate: bytes behind the final block");
}

TEST_CASE("Data that is not deflated is refused", "[deflate]") {
    for (const std::string& wire : {
             fromHex("789ccb2b2e0400"),  // with zlib's header: a block of a stored size that is not
             fromHex("07"),              // a block of the type that is not used
             fromHex("000100ffff"),      // a stored size that differs from its complement
             fromHex("4a04090000"),      // a distance behind the beginning
         }) {
        INFO(wire.size());
        DeflateCodec codec{6};
        CHECK_THROWS_AS(decoded(codec, wire), CodecError);
    }
}

TEST_CASE("There are levels 1 to 9", "[deflate]") {
    CHECK_THROWS_AS(DeflateCodec{10}, std::invalid_argument);
}

}  // namespace
}  // namespace nsq::net
