#include "storage/batch.h"

#include <catch2/catch.hpp>

#include "unit/storage/batches.h"
#include "unit/storage/log_messages.h"

namespace nsq::storage {
namespace {

using test::ByteVector;
using test::makeBatch;
using test::makeFrame;
using test::sealBatch;

constexpr std::uint32_t kSalt = 0x12345678;

BatchFound examine(sdk::Bytes bytes, std::uint32_t salt = kSalt) {
    disk::BatchHeader header{};
    return examineBatch(bytes, salt, header);
}

TEST_CASE("a sealed batch is intact, whatever its kind and what follows it", "[batch]") {
    const auto magic = GENERATE(disk::kFreshBatch, disk::kDeferredBatch, disk::kMovedBatch);
    ByteVector bytes = makeBatch({kSalt, 77, 5, magic, 123}, {"one", "", "three"});
    const std::size_t size = bytes.size();
    bytes.resize(size + 100);
    disk::BatchHeader header{};
    REQUIRE(examineBatch(bytes, kSalt, header) == BatchFound::kIntact);
    CHECK(batchSize(header) == size);
    CHECK(header.magic == magic);
    CHECK(header.count == 3);
    CHECK(header.firstSeq == 77);
    CHECK(header.firstIndex == 5);
    CHECK(header.dueNs == 123);
}

TEST_CASE("any flipped bit of a batch is noticed", "[batch]") {
    const ByteVector whole = makeBatch({kSalt, 77, 5}, {"one", "", "three"});
    for (std::size_t at = 0; at < whole.size(); ++at) {
        for (int mask = 1; mask < 256; mask = mask == 128 ? 255 : 2 * mask) {
            CAPTURE(at, mask);
            ByteVector damaged = whole;
            test::flip(damaged, at, static_cast<std::byte>(mask));
            const bool inHeader = at < sizeof(disk::BatchHeader);
            REQUIRE(examine(damaged) == (inHeader ? BatchFound::kBadHeader : BatchFound::kBadFrames));
        }
    }
}

TEST_CASE("a batch cut anywhere is not whole", "[batch]") {
    const ByteVector whole = makeBatch({kSalt, 77, 5}, {"one", "", "three"});
    for (std::size_t size = 0; size < whole.size(); ++size) {
        CAPTURE(size);
        const bool hasHeader = size >= sizeof(disk::BatchHeader);
        REQUIRE(examine(sdk::Bytes{whole}.first(size)) ==
                (hasHeader ? BatchFound::kIncomplete : BatchFound::kBadHeader));
    }
}

/// How many intact headers are anywhere in `bytes`.
int headersIn(sdk::Bytes bytes, std::uint32_t salt) {
    int found = 0;
    for (std::size_t at = 0; at + sizeof(disk::BatchHeader) <= bytes.size(); ++at) {
        disk::BatchHeader header;
        std::memcpy(&header, bytes.data() + at, sizeof header);
        if (isIntact(header, salt)) ++found;
    }
    return found;
}

TEST_CASE("a message body that is a batch of another salt is not taken for one", "[batch]") {
    for (const std::uint32_t other : {0u, 1u, kSalt ^ 1, kSalt ^ 0x80000000, ~kSalt}) {
        CAPTURE(other);
        const ByteVector inner = makeBatch({other, 9, 9}, {"hostile"});
        CHECK(examine(inner, other) == BatchFound::kIntact);
        CHECK(examine(inner) == BatchFound::kBadHeader);
        const ByteVector outer = makeBatch({kSalt, 77, 5}, {"a", std::string{sdk::asText(inner)}, "b"});
        CHECK(examine(outer) == BatchFound::kIntact);
        CHECK(headersIn(outer, kSalt) == 1);
        CHECK(headersIn(outer, other) == 1);
    }
}

TEST_CASE("zeros, ones and a header without messages are no batch", "[batch]") {
    CHECK(examine(ByteVector(200)) == BatchFound::kBadHeader);
    CHECK(examine(ByteVector(200), 0) == BatchFound::kBadHeader);
    CHECK(examine(ByteVector(200, std::byte{0xff})) == BatchFound::kBadHeader);
    CHECK(examine(makeBatch({kSalt, 77, 5}, {})) == BatchFound::kBadHeader);
    CHECK(examine(makeBatch({kSalt, 77, 5, 0x5851534e}, {"a"})) == BatchFound::kBadHeader);
}

TEST_CASE("frames that are no frames are refused, though the checksum is right", "[batch]") {
    const auto withSize = [](std::int32_t size) {
        ByteVector frame = makeFrame(1, "xxxxxx");
        sdk::storeBig(frame.data(), size);
        return frame;
    };
    const ByteVector whole = makeFrame(1, "xxxxxx");
    ByteVector two = whole;
    two.insert(two.end(), whole.begin(), whole.end());
    CHECK(examine(sealBatch({kSalt}, whole, 1)) == BatchFound::kIntact);
    CHECK(examine(sealBatch({kSalt}, two, 2)) == BatchFound::kIntact);
    CHECK(examine(sealBatch({kSalt}, whole, 2)) == BatchFound::kBadFrames);
    CHECK(examine(sealBatch({kSalt}, two, 1)) == BatchFound::kBadFrames);
    CHECK(examine(sealBatch({kSalt}, two, 0xffffffff)) == BatchFound::kBadFrames);
    CHECK(examine(sealBatch({kSalt}, {}, 1)) == BatchFound::kBadFrames);
    CHECK(examine(sealBatch({kSalt}, sdk::asBytes("short"), 1)) == BatchFound::kBadFrames);
    for (const std::int32_t size : {-1, -4, -36, 0, 29, 35, 37, 100, INT32_MAX, INT32_MIN}) {
        CAPTURE(size);
        CHECK(examine(sealBatch({kSalt}, withSize(size), 1)) == BatchFound::kBadFrames);
    }
}

TEST_CASE("frames follow one another", "[batch]") {
    const ByteVector batch = makeBatch({kSalt, 77, 5}, {"one", "", "three"});
    const std::byte* const first = batch.data() + sizeof(disk::BatchHeader);
    CHECK(frameSize(first) == sdk::frame::kBodyOffset + 3);
    CHECK(frameAt(first, 0) == first);
    CHECK(test::messageAt({{}, frameAt(first, 1)}).body.empty());
    CHECK(test::messageAt({{}, frameAt(first, 2)}).body == "three");
    CHECK(test::messageAt({{}, frameAt(first, 2)}).seq() == 79);
    CHECK(frameAt(first, 3) == batch.data() + batch.size());
}

}  // namespace
}  // namespace nsq::storage
