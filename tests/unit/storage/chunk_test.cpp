#include "storage/chunk.h"

#include <catch2/catch.hpp>

#include "storage/batch.h"
#include "unit/storage/batches.h"
#include "unit/storage/file_log.h"
#include "unit/storage/temporary_directory.h"

namespace nsq::storage {
namespace {

using disk::kFirstBatch;
using test::ByteVector;
using test::makeBatch;

constexpr std::size_t kHeader = sizeof(disk::BatchHeader);

/// A segment file written batch by batch.
struct Written {
    const test::TemporaryDirectory directory;
    const SegmentPtr segment = Segment::create(directory / "a.log", 1, 0);
    const MemoryAccount account = test::newAccount();
    std::vector<std::uint64_t> begins{kFirstBatch};  ///< of each batch, and the end
    std::uint64_t nextSeq = 1;

    ByteVector batch(const std::vector<std::string>& bodies) const {
        return makeBatch({segment->knownSalt(), nextSeq, nextSeq}, bodies);
    }
    void write(const std::vector<std::string>& bodies) {
        const ByteVector bytes = batch(bodies);
        const sdk::Bytes piece{bytes};
        REQUIRE(segment->write(begins.back(), {&piece, 1}));
        nextSeq += bodies.size();
        begins.push_back(begins.back() + bytes.size());
    }
    void flip(std::uint64_t at) const { test::flipInFile(segment->path(), at); }

    Chunk read(std::uint64_t offset, std::size_t wanted = 1 << 16, std::uint64_t limit = 0) const {
        auto chunk = readChunk(segment, offset, limit == 0 ? segment->size() : limit, wanted, account);
        REQUIRE(chunk);
        return std::move(chunk).value();
    }
    /// Where the intact bytes from `offset` on end.
    std::uint64_t endOf(std::uint64_t offset, std::size_t wanted = 1 << 16, std::uint64_t limit = 0) const {
        const Chunk chunk = read(offset, wanted, limit);
        REQUIRE(chunk.extent);
        CHECK(chunk.extent->offset == offset);
        CHECK(chunk.extent->segment == segment);
        CHECK(chunk.extent->detached);
        return chunk.extent->end();
    }
    Damage damageAt(std::uint64_t offset, std::size_t wanted = 1 << 16) const {
        const Chunk chunk = read(offset, wanted);
        REQUIRE_FALSE(chunk.extent);
        CHECK(chunk.damage.from == offset);
        return chunk.damage;
    }
};

TEST_CASE("a chunk is whole batches, about as much as is wanted", "[chunk]") {
    Written file;
    for (int i = 0; i < 10; ++i) file.write({"a", "bc", std::string(20, 'x')});
    const std::vector<std::uint64_t>& begins = file.begins;
    const std::uint64_t one = begins[1] - begins[0];
    CHECK(file.endOf(begins[0]) == begins[10]);
    CHECK(file.endOf(begins[3]) == begins[10]);
    for (std::size_t wanted = kHeader; wanted < 4 * one; ++wanted) {
        CAPTURE(wanted);
        const std::uint64_t whole = std::max<std::uint64_t>(wanted / one, 1);
        REQUIRE(file.endOf(begins[2], wanted) == begins[2 + whole]);
    }
    for (std::size_t i = 1; i <= 10; ++i) CHECK(file.endOf(begins[0], 1 << 16, begins[i]) == begins[i]);
    const Chunk chunk = file.read(begins[4], kHeader);
    const std::byte* const frames = chunk.extent->at(begins[4]) + kHeader;
    CHECK(test::messageAt({{}, frameAt(frames, 1)}).body == "bc");
}

TEST_CASE("a batch larger than what is wanted comes whole, and no memory stays", "[chunk]") {
    Written file;
    file.write({std::string(3'000'000, 'L')});
    file.write({"next"});
    for (const std::size_t wanted : {kHeader, kHeader + 1, std::size_t{4096}}) {
        CHECK(file.endOf(file.begins[0], wanted) == file.begins[1]);
        CHECK(file.endOf(file.begins[1], wanted) == file.begins[2]);
    }
    CHECK(file.account->load() == 0);
}

TEST_CASE("damage in a header costs the bytes up to the next one", "[chunk]") {
    for (std::size_t at = 0; at < kHeader; ++at) {
        CAPTURE(at);
        Written file;
        for (int i = 0; i < 4; ++i) file.write({"a", "b"});
        file.flip(file.begins[1] + at);
        CHECK(file.endOf(file.begins[0]) == file.begins[1]);
        const Damage damage = file.damageAt(file.begins[1]);
        CHECK(damage.to == file.begins[2]);
        CHECK(damage.what == "no batch");
        CHECK(file.endOf(file.begins[2]) == file.begins[4]);
    }
}

TEST_CASE("damage in frames costs the batch, and says how many messages", "[chunk]") {
    Written file;
    for (int i = 0; i < 4; ++i) file.write({"a", "b", "c"});
    file.flip(file.begins[1] + kHeader);
    file.flip(file.begins[2] - 1);
    const auto wanted = GENERATE(48u, 100u, 100'000u);
    const Damage damage = file.damageAt(file.begins[1], wanted);
    CHECK(damage.to == file.begins[2]);
    CHECK(damage.what == "3 damaged messages");
    CHECK(file.endOf(file.begins[2]) == file.begins[4]);
}

TEST_CASE("damage of several batches in a row is passed", "[chunk]") {
    Written file;
    for (int i = 0; i < 8; ++i) file.write({"a", "b", "c"});
    file.flip(file.begins[1] + 1);
    file.flip(file.begins[2] + 1);
    file.flip(file.begins[3] + kHeader + 1);
    file.flip(file.begins[4] + kHeader + 1);
    file.flip(file.begins[5] + 1);
    CHECK(file.endOf(file.begins[0]) == file.begins[1]);
    CHECK(file.damageAt(file.begins[1]).to == file.begins[3]);
    CHECK(file.damageAt(file.begins[3]).to == file.begins[4]);
    CHECK(file.damageAt(file.begins[4]).to == file.begins[5]);
    CHECK(file.damageAt(file.begins[5]).to == file.begins[6]);
    CHECK(file.endOf(file.begins[6]) == file.begins[8]);
}

TEST_CASE("damage at the end reaches to the end", "[chunk]") {
    Written file;
    for (int i = 0; i < 3; ++i) file.write({"a", "b", "c"});
    const std::uint64_t last = file.begins[2];
    SECTION("in the header") {
        file.flip(last);
        CHECK(file.damageAt(last).to == file.begins[3]);
    }
    SECTION("in the frames") {
        file.flip(last + kHeader);
        CHECK(file.damageAt(last).to == file.begins[3]);
    }
    SECTION("cut") {
        for (std::uint64_t size = file.begins[3] - 1; size > last; --size) {
            CAPTURE(size);
            file.segment->cut(size);
            REQUIRE(file.damageAt(last).to == size);
            REQUIRE(file.damageAt(last, kHeader).to == size);
        }
    }
    SECTION("the file is shorter than it was when it was found") {
        for (const std::uint64_t size : {file.begins[3] - 1, last + kHeader, last + 3, last}) {
            CAPTURE(size);
            std::filesystem::resize_file(file.segment->path(), size);
            REQUIRE(file.damageAt(last).to == file.begins[3]);
            REQUIRE(file.damageAt(last, kHeader).to == file.begins[3]);
        }
    }
}

TEST_CASE("the next header is found wherever it is in what is looked through at once", "[chunk]") {
    constexpr int kSearchSize = 1 << 20;
    const auto shift = GENERATE(-49, -48, -47, -1, 0, 1, 2);
    CAPTURE(shift);
    Written file;
    // The search begins a byte behind the damaged header.
    const int size = 1 + kSearchSize + shift;
    file.write({std::string(static_cast<std::size_t>(size) - kHeader - sdk::frame::kBodyOffset, 'x')});
    file.write({"next"});
    REQUIRE(file.begins[1] - file.begins[0] == static_cast<std::uint64_t>(size));
    file.flip(file.begins[0]);
    CHECK(file.damageAt(file.begins[0]).to == file.begins[1]);
}

TEST_CASE("a damaged batch whose messages look like batches of another salt is one damage", "[chunk]") {
    Written file;
    const ByteVector hostile = makeBatch({file.segment->knownSalt() + 1, 7}, {"hostile"});
    file.write({"a", std::string{sdk::asText(hostile)}, "b"});
    file.write({"next"});
    const bool inHeader = GENERATE(true, false);
    file.flip(file.begins[0] + (inHeader ? 0 : kHeader));
    CHECK(file.damageAt(file.begins[0]).to == file.begins[1]);
}

TEST_CASE("batches written over the rest of a torn one are found", "[chunk]") {
    // A large batch was torn by the end of power and could not be cut off; then smaller ones were written.
    Written file;
    file.write({"first"});
    const std::uint64_t torn = file.begins[1];
    const ByteVector large = file.batch({std::string(1000, 'L')});
    const std::size_t kept = GENERATE(48u, 49u, 300u);
    const sdk::Bytes piece = sdk::Bytes{large}.first(kept);
    REQUIRE(file.segment->write(torn, {&piece, 1}));
    file.begins.back() += kept;
    const int batches = GENERATE(1, 3, 40);
    for (int i = 0; i < batches; ++i) file.write({"after"});
    CAPTURE(kept, batches);
    CHECK(file.damageAt(torn).to == torn + kept);
    CHECK(file.damageAt(torn, kHeader).to == torn + kept);
    CHECK(file.endOf(torn + kept) == file.begins.back());
}

TEST_CASE("a file with both headers damaged is nothing but damage", "[chunk]") {
    Written file;
    for (int i = 0; i < 3; ++i) file.write({"a"});
    file.flip(0);
    file.flip(kFirstBatch / 2);
    const SegmentPtr later = Segment::existing(file.segment->path(), 1, file.segment->size());
    const auto chunk = readChunk(later, kFirstBatch, later->size(), 4096, file.account);
    REQUIRE(chunk);
    REQUIRE_FALSE(chunk.value().extent);
    CHECK(chunk.value().damage.to == later->size());
    CHECK(chunk.value().damage.what == "both headers of the file are damaged");
}

TEST_CASE("a file that cannot be read is an error, not damage", "[chunk]") {
    Written file;
    file.write({"a"});
    file.segment->rest();
    std::filesystem::remove(file.segment->path());
    const auto chunk = readChunk(file.segment, kFirstBatch, file.segment->size(), 4096, file.account);
    REQUIRE_FALSE(chunk);
    CHECK(chunk.error().code == sdk::ErrorCode::kStorage);
}

}  // namespace
}  // namespace nsq::storage
