#include "checksum/crc32c.h"

#include <catch2/catch.hpp>

#include <random>
#include <string>
#include <vector>

namespace nsq {
namespace {

/// Bit by bit, straight from the definition: polynomial 0x1EDC6F41, reflected.
std::uint32_t reference(sdk::Bytes bytes) {
    std::uint32_t crc = 0xFFFFFFFF;
    for (const std::byte byte : bytes) {
        crc ^= std::to_integer<std::uint32_t>(byte);
        for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1) != 0 ? 0x82F63B78 : 0);
    }
    return ~crc;
}

TEST_CASE("CRC-32C of the vectors of RFC 3720", "[crc32c]") {
    CHECK(crc32c(sdk::asBytes("")) == 0);
    CHECK(crc32c(sdk::asBytes("123456789")) == 0xE3069283);
    CHECK(crc32c(sdk::asBytes(std::string(32, '\0'))) == 0x8A9136AA);
    CHECK(crc32c(sdk::asBytes(std::string(32, '\xff'))) == 0x62A8AB43);
    std::string rising;
    for (char c = 0; c < 32; ++c) rising.push_back(c);
    CHECK(crc32c(sdk::asBytes(rising)) == 0x46DD794E);
    CHECK(crc32c(sdk::asBytes(std::string{rising.rbegin(), rising.rend()})) == 0x113FDB5C);
}

TEST_CASE("CRC-32C is right at every length and alignment", "[crc32c]") {
    std::mt19937 random{3};
    std::vector<std::byte> bytes(200);
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
    for (std::size_t begin = 0; begin < 9; ++begin) {
        for (std::size_t size = 0; begin + size <= bytes.size(); ++size) {
            const sdk::Bytes part = sdk::Bytes{bytes}.subspan(begin, size);
            REQUIRE(crc32c(part) == reference(part));
        }
    }
}

}  // namespace
}  // namespace nsq
