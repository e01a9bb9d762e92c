#include "net/snappy_codec.h"

#include <catch2/catch.hpp>

#include "checksum/crc32c.h"
#include "unit/net/codec_fixture.h"

namespace nsq::net {
namespace {

using namespace std::string_literals;
using test::decoded;
using test::encoded;
using test::fromHex;

const std::string kIdentifier = "\xff\x06\x00\x00sNaPpY"s;

/// Its type, the size it declares, and what is sent of it.
std::string chunk(unsigned char type, std::size_t size, std::string_view body) {
    std::string bytes(1, static_cast<char>(type));
    for (int shift = 0; shift < 24; shift += 8) bytes.push_back(static_cast<char>(size >> shift));
    return bytes.append(body);
}

std::string checksumOf(std::string_view plain) {
    const std::uint32_t sum = crc32c(sdk::asBytes(plain));
    const std::uint32_t masked = (sum >> 15 | sum << 17) + 0xa282ead8;
    std::string bytes;
    for (int shift = 0; shift < 32; shift += 8) bytes.push_back(static_cast<char>(masked >> shift));
    return bytes;
}

std::string uncompressedChunk(std::string_view plain) {
    return chunk(1, plain.size() + 4, checksumOf(plain) + std::string{plain});
}

/// `compressed` is in snappy's block format.
std::string compressedChunk(std::string_view compressed, std::string_view plain) {
    return chunk(0, compressed.size() + 4, checksumOf(plain) + std::string{compressed});
}

std::string errorOf(std::string_view wire, std::size_t piece = 1 << 20) {
    SnappyCodec codec;
    try {
        decoded(codec, wire, piece);
    } catch (const CodecError& e) {
        return e.what();
    }
    return "no error";
}

/// Refused when the header is here, before anything of the body is.
void checkRefusedHeader(unsigned char type, std::size_t size, const std::string& error) {
    INFO("type " << int{type} << ", size " << size);
    CHECK(errorOf(kIdentifier + chunk(type, size, "")) == error);
}

// go run: golang/snappy v0.0.4, NewWriter, Write "nsq", Write 12 times "hello ".
const std::string kFromGo =
    fromHex("ff060000734e6150705901070000a93a6e196e73710011000072c31017481468656c6c6f20ee06000906");

TEST_CASE("What Go's snappy.Writer wrote is decoded", "[snappy]") {
    std::string hellos;
    for (int i = 0; i < 12; ++i) hellos += "hello ";
    for (const std::size_t piece : {1, 2, 3, 5, 100}) {
        for (const std::size_t room : {1, 7, 1000}) {
            SnappyCodec codec;
            CHECK(decoded(codec, kFromGo, piece, room) == "nsq" + hellos);
        }
    }
    SnappyCodec codec;
    CHECK(encoded(codec, "nsq") == kFromGo.substr(0, 21));
}

TEST_CASE("The identifier comes once, with the first output", "[snappy]") {
    SnappyCodec codec;
    CHECK(encoded(codec, "").empty());
    CHECK(encoded(codec, "OK") == kIdentifier + uncompressedChunk("OK"));
    CHECK(encoded(codec, "") == "");
    CHECK(encoded(codec, "OK") == uncompressedChunk("OK"));
}

TEST_CASE("What is encoded is decoded, at any size and cut anywhere", "[snappy]") {
    SnappyCodec sender;
    SnappyCodec receiver;
    for (const std::size_t size : {1, 100, 65535, 65536, 65537, 300000}) {
        for (const std::string& plain : {test::wordy(size), test::randomText(size), std::string(size, 'x')}) {
            const std::string wire = encoded(sender, plain);
            CHECK(decoded(receiver, wire, 1 + size / 7, 1 + size / 5) == plain);
        }
    }
}

TEST_CASE("What shrinks is compressed, and what does not is not", "[snappy]") {
    SnappyCodec codec;
    CHECK(encoded(codec, std::string(65536, 'x')).size() < 4000);
    const std::string random = test::randomText(65536);
    CHECK(encoded(codec, random) == uncompressedChunk(random));
}

TEST_CASE("Appends to what is there", "[snappy]") {
    SnappyCodec codec;
    std::vector<std::byte> wire{std::byte{7}};
    codec.encode(sdk::asBytes("OK"), wire);
    CHECK(sdk::asText(wire) == "\x07" + kIdentifier + uncompressedChunk("OK"));
}

TEST_CASE("Never decodes more than there is room for", "[snappy]") {
    SnappyCodec sender;
    SnappyCodec receiver;
    const std::string wire = encoded(sender, std::string(65536, 'x'));
    std::vector<std::byte> room(10);
    std::size_t produced = 0;
    std::size_t consumed = 0;
    while (true) {
        const Codec::Step step = receiver.decode(sdk::asBytes(std::string_view{wire}.substr(consumed)), room);
        consumed += step.consumed;
        produced += step.produced;
        REQUIRE(step.produced <= room.size());
        if (step.produced < room.size()) break;
    }
    CHECK(produced == 65536);
    CHECK(consumed == wire.size());
}

TEST_CASE("Padding, skippable chunks and more identifiers are passed over", "[snappy]") {
    const std::string wire = kIdentifier + chunk(0xfe, 5, "\0\0\0\0\0"s) + uncompressedChunk("a") +
                             chunk(0x80, 200000, std::string(200000, '?')) + chunk(0xfd, 0, "") +
                             chunk(0xfe, 0, "") + kIdentifier + uncompressedChunk("b") +
                             uncompressedChunk("") + uncompressedChunk("c");
    for (const std::size_t piece : {1, 2, 3, 1000, 1000000}) {
        SnappyCodec codec;
        CHECK(decoded(codec, wire, piece) == "abc");
    }
}

TEST_CASE("A stream without its identifier is refused", "[snappy]") {
    const std::string missing = "snappy: the stream does not begin with its identifier";
    CHECK(errorOf(uncompressedChunk("a")) == missing);
    CHECK(errorOf(chunk(0xfe, 0, "")) == missing);
    CHECK(errorOf("  V2") == missing);
    CHECK(errorOf(chunk(0xff, 6, "sNaPpy")) == "snappy: not the identifier of a snappy stream");
    CHECK(errorOf(chunk(0xff, 7, "")) == "snappy: a stream identifier of a wrong size");
    CHECK(errorOf(kIdentifier + chunk(0xff, 6, "sNaPpy")) == "snappy: not the identifier of a snappy stream");
}

TEST_CASE("Chunks of unknown types are refused", "[snappy]") {
    for (const int type : {0x02, 0x40, 0x7f}) {
        checkRefusedHeader(static_cast<unsigned char>(type), 10, "snappy: a chunk of an unknown type");
    }
}

TEST_CASE("Chunks of sizes that cannot be are refused by their headers", "[snappy]") {
    const std::string compressed = "snappy: a compressed chunk of a wrong size";
    checkRefusedHeader(0, 76490 + 5, compressed);
    checkRefusedHeader(0, 0xffffff, compressed);
    checkRefusedHeader(0, 4, compressed);
    checkRefusedHeader(0, 0, compressed);
    checkRefusedHeader(0, 76490 + 4, "no error");
    const std::string uncompressed = "snappy: an uncompressed chunk of a wrong size";
    checkRefusedHeader(1, 65536 + 5, uncompressed);
    checkRefusedHeader(1, 0xffffff, uncompressed);
    checkRefusedHeader(1, 3, uncompressed);
    checkRefusedHeader(1, 65536 + 4, "no error");
}

TEST_CASE("Damaged data is refused", "[snappy]") {
    const std::string wrongSum = "snappy: a chunk with a wrong checksum";
    CHECK(errorOf(kIdentifier + chunk(1, 5, checksumOf("a") + "b")) == wrongSum);
    const std::string tens =
        "\x0a\x00x\x22\x01\x00"s;  // 10 bytes: "x" as it is, and 9 copied from one before
    SnappyCodec codec;
    CHECK(decoded(codec, kIdentifier + compressedChunk(tens, "xxxxxxxxxx")) == "xxxxxxxxxx");
    CHECK(errorOf(kIdentifier + compressedChunk(tens, "xxxxxxxxx")) == wrongSum);
    const std::string broken = "snappy: a chunk that cannot be decoded";
    CHECK(errorOf(kIdentifier + compressedChunk("\x0a\x00x\x22\x02\x00"s, "xxxxxxxxxx")) == broken);
    CHECK(errorOf(kIdentifier + compressedChunk("\x0b\x00x\x22\x01\x00"s, "xxxxxxxxxx")) == broken);
    // It says that it decodes to 65537, to 2^32 - 1, and nothing that is a number.
    const std::string size = "snappy: a chunk that decodes to a wrong size";
    CHECK(errorOf(kIdentifier + compressedChunk("\x81\x80\x04xxxx", "")) == size);
    CHECK(errorOf(kIdentifier + compressedChunk("\xff\xff\xff\xff\x0fxxxx", "")) == size);
    CHECK(errorOf(kIdentifier + compressedChunk("\xff\xff\xff\xff\xff\xff", "")) == size);
}

}  // namespace
}  // namespace nsq::net
