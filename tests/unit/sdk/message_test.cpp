#include "nsq/sdk/message.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

using namespace nsq::sdk;

namespace {

std::string textOf(MessageId id) {
    const auto digits = id.text();
    return {digits.begin(), digits.end()};
}

void appendFrame(std::vector<std::byte>& frames, std::int64_t timestamp, std::uint16_t attempts, MessageId id,
                 std::string_view body) {
    const std::size_t at = frames.size();
    frames.resize(at + frame::kBodyOffset + body.size());
    std::byte* begin = frames.data() + at;
    storeBig(begin, static_cast<std::int32_t>(frame::kBodyOffset - frame::kSizeBytes + body.size()));
    storeBig(begin + frame::kSizeBytes, frame::kTypeMessage);
    storeBig(begin + frame::kTimestampOffset, timestamp);
    storeBig(begin + frame::kAttemptsOffset, attempts);
    std::memcpy(begin + frame::kIdOffset, id.text().data(), MessageId::kTextLength);
    if (!body.empty()) std::memcpy(begin + frame::kBodyOffset, body.data(), body.size());
}

}  // namespace

TEST_CASE("big-endian integers") {
    std::byte bytes[9];
    storeBig<std::int32_t>(bytes + 1, 0x01020304);
    REQUIRE(bytes[1] == std::byte{1});
    REQUIRE(bytes[4] == std::byte{4});
    REQUIRE(loadBig<std::int32_t>(bytes + 1) == 0x01020304);
    storeBig<std::int64_t>(bytes + 1, -2);
    REQUIRE(bytes[1] == std::byte{0xff});
    REQUIRE(bytes[8] == std::byte{0xfe});
    REQUIRE(loadBig<std::int64_t>(bytes + 1) == -2);
    storeBig<std::uint16_t>(bytes + 1, 0xabcd);
    REQUIRE(bytes[1] == std::byte{0xab});
    REQUIRE(loadBig<std::uint16_t>(bytes + 1) == 0xabcd);
}

TEST_CASE("a message id is 16 lower-case hex digits and comes back from them") {
    REQUIRE(textOf({0}) == "0000000000000000");
    REQUIRE(textOf({0x0123456789abcdef}) == "0123456789abcdef");
    REQUIRE(textOf({~std::uint64_t{0}}) == "ffffffffffffffff");
    for (const std::uint64_t value :
         {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{0xfedcba9876543210}}) {
        REQUIRE(MessageId::parse(textOf({value})) == MessageId{value});
    }
    REQUIRE(MessageId::parse("ABCDEFabcdef0000") == MessageId{0xabcdefabcdef0000});
}

TEST_CASE("what is not 16 hex digits is no message id") {
    for (const std::string text : {"", "0", "000000000000000", "00000000000000000", "000000000000000g",
                                   "00000000 0000000", "-000000000000000", "0x00000000000000"}) {
        CAPTURE(text);
        REQUIRE(!MessageId::parse(text).has_value());
    }
}

TEST_CASE("frames are decoded one after the other") {
    std::vector<std::byte> bytes;
    appendFrame(bytes, 1234567890123456789, 1, {42}, "first");
    appendFrame(bytes, -1, 65535, {~std::uint64_t{0}}, "");
    appendFrame(bytes, 7, 2, {0xabc}, std::string(100'000, 'x'));
    Bytes frames = bytes;

    const MessageView first = nextMessage(frames);
    REQUIRE(first.timestampNs == 1234567890123456789);
    REQUIRE(first.attempts == 1);
    REQUIRE(first.id == MessageId{42});
    REQUIRE(asText(first.body) == "first");
    REQUIRE(first.frame.data() == bytes.data());
    REQUIRE(first.frame.size() == frame::kBodyOffset + 5);

    const MessageView second = nextMessage(frames);
    REQUIRE(second.timestampNs == -1);
    REQUIRE(second.attempts == 65535);
    REQUIRE(second.id == MessageId{~std::uint64_t{0}});
    REQUIRE(second.body.empty());

    const MessageView third = nextMessage(frames);
    REQUIRE(third.body.size() == 100'000);
    REQUIRE(frames.empty());
}
