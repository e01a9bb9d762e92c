#include "storage/segment.h"

#include <catch2/catch.hpp>

#include <sys/stat.h>

#include "storage/disk_format.h"
#include "unit/storage/batches.h"
#include "unit/storage/file_size_limit.h"
#include "unit/storage/log_messages.h"
#include "unit/storage/temporary_directory.h"

namespace nsq::storage {
namespace {

using disk::kFirstBatch;
using test::ByteVector;
using test::FileSizeLimit;
using test::TemporaryDirectory;

sdk::Result<void> write(Segment& segment, std::uint64_t offset, std::string_view text) {
    const sdk::Bytes piece = sdk::asBytes(text);
    return segment.write(offset, {&piece, 1});
}

std::string read(Segment& segment, std::uint64_t offset, std::size_t size) {
    ByteVector bytes(size);
    const auto got = segment.read(offset, bytes);
    REQUIRE(got);
    return std::string{sdk::asText(sdk::Bytes{bytes}.first(got.value()))};
}

bool isOpen(const std::filesystem::path& path) {
    for (const auto& entry : std::filesystem::directory_iterator{"/proc/self/fd"}) {
        std::error_code gone;
        if (std::filesystem::read_symlink(entry.path(), gone) == path) return true;
    }
    return false;
}

TEST_CASE("a segment's file is made with the first write", "[segment]") {
    const TemporaryDirectory directory;
    const SegmentPtr segment = Segment::create(directory / "a.log", 7, 3);
    CHECK(segment->firstSeq() == 7);
    CHECK(segment->size() == 0);
    CHECK_FALSE(segment->isWritten());
    CHECK_FALSE(segment->isInMemory());
    CHECK(segment->sync());
    CHECK_FALSE(std::filesystem::exists(segment->path()));

    const sdk::Bytes pieces[] = {sdk::asBytes("hello "), {}, sdk::asBytes("world")};
    REQUIRE(segment->write(kFirstBatch, pieces));
    CHECK(segment->isWritten());
    CHECK(segment->size() == kFirstBatch + 11);
    CHECK(std::filesystem::file_size(segment->path()) == segment->size());
    CHECK(read(*segment, kFirstBatch, 11) == "hello world");
    CHECK(segment->sync());
    struct stat status {};
    REQUIRE(::stat(segment->path().c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0600);

    disk::SegmentHeader both[2];
    REQUIRE(segment->read(0, std::as_writable_bytes(std::span{both})).value() == sizeof both);
    for (const disk::SegmentHeader& header : both) {
        CHECK(header.magic == disk::kSegmentMagic);
        CHECK(header.version == disk::kVersion);
        CHECK(header.salt == segment->knownSalt());
        CHECK(header.firstSeq == 7);
        CHECK(header.firstIndex == 3);
    }
}

TEST_CASE("a segment reads less only where its file ends", "[segment]") {
    const TemporaryDirectory directory;
    const SegmentPtr segment = Segment::create(directory / "a.log", 1, 0);
    REQUIRE(write(*segment, kFirstBatch, "0123456789"));
    CHECK(read(*segment, kFirstBatch + 4, 3) == "456");
    CHECK(read(*segment, kFirstBatch + 4, 100) == "456789");
    CHECK(read(*segment, kFirstBatch + 10, 100).empty());
    CHECK(read(*segment, 1'000'000, 100).empty());
}

TEST_CASE("a segment whose file is gone or was never made cannot be read", "[segment]") {
    const TemporaryDirectory directory;
    ByteVector to(10);
    const SegmentPtr unmade = Segment::create(directory / "a.log", 1, 0);
    const SegmentPtr gone = Segment::existing(directory / "b.log", 1, 500);
    for (const SegmentPtr& segment : {unmade, gone}) {
        const auto got = segment->read(0, to);
        REQUIRE_FALSE(got);
        CHECK(got.error().code == sdk::ErrorCode::kStorage);
        CHECK(got.error().text.find(segment->path().string()) != std::string::npos);
    }
    CHECK_FALSE(gone->salt());
    CHECK_FALSE(gone->sync());
}

TEST_CASE("every segment has a salt of its own, and it is found again", "[segment]") {
    const TemporaryDirectory directory;
    const SegmentPtr segment = Segment::create(directory / "a.log", 1, 0);
    CHECK(Segment::create(directory / "b.log", 1, 0)->knownSalt() != segment->knownSalt());
    CHECK(segment->salt().value() == segment->knownSalt());
    REQUIRE(write(*segment, kFirstBatch, "x"));
    const SegmentPtr later = Segment::existing(segment->path(), 1, segment->size());
    CHECK(later->salt().value() == segment->knownSalt());
    CHECK(later->knownSalt() == segment->knownSalt());
}

TEST_CASE("no single damaged byte hides the salt", "[segment]") {
    const TemporaryDirectory directory;
    const SegmentPtr segment = Segment::create(directory / "a.log", 1, 0);
    REQUIRE(write(*segment, kFirstBatch, "x"));
    const ByteVector whole = readFile(segment->path()).value();
    for (std::size_t at = 0; at < kFirstBatch; ++at) {
        CAPTURE(at);
        ByteVector damaged = whole;
        test::flip(damaged, at);
        test::writeFile(directory / "b.log", damaged);
        const auto salt = Segment::existing(directory / "b.log", 1, damaged.size())->salt();
        REQUIRE(salt);
        REQUIRE(salt.value() == segment->knownSalt());
    }
    ByteVector both = whole;
    test::flip(both, 0);
    test::flip(both, kFirstBatch - 5);
    test::writeFile(directory / "b.log", both);
    const auto salt = Segment::existing(directory / "b.log", 1, both.size())->salt();
    REQUIRE(salt);
    CHECK_FALSE(salt.value());
}

TEST_CASE("a segment of another version is refused, not called damaged", "[segment]") {
    const TemporaryDirectory directory;
    disk::SegmentHeader header{disk::kSegmentMagic, disk::kVersion + 1, 5, 1, 0, 0, 0};
    const sdk::Bytes bytes = std::as_bytes(std::span{&header, 1});
    header.crc = crc32c(bytes.first(offsetof(disk::SegmentHeader, crc)));
    test::writeFile(directory / "a.log", bytes);
    const auto salt = Segment::existing(directory / "a.log", 1, bytes.size())->salt();
    REQUIRE_FALSE(salt);
    CHECK(salt.error().text.find("format version 3") != std::string::npos);
}

TEST_CASE("a write that fails leaves the segment as it was, and the next one works", "[segment]") {
    const TemporaryDirectory directory;
    const SegmentPtr segment = Segment::create(directory / "a.log", 1, 0);
    REQUIRE(write(*segment, kFirstBatch, "before"));
    const std::uint64_t size = segment->size();
    {
        const FileSizeLimit full{size + 10};
        const auto written = write(*segment, size, "more than ten bytes");
        REQUIRE_FALSE(written);
        CHECK(written.error().code == sdk::ErrorCode::kStorage);
        CHECK(written.error().text.find("a.log: cannot be written") != std::string::npos);
        CHECK(segment->size() == size);
        CHECK(std::filesystem::file_size(segment->path()) == size);
        CHECK(write(*segment, size, "ten bytes!"));
    }
    REQUIRE(write(*segment, size + 10, " later"));
    CHECK(read(*segment, kFirstBatch, 100) == "beforeten bytes! later");
}

TEST_CASE("a first write that fails can be tried again", "[segment]") {
    const TemporaryDirectory directory;
    const SegmentPtr segment = Segment::create(directory / "sub/a.log", 1, 0);
    CHECK_FALSE(write(*segment, kFirstBatch, "x"));
    std::filesystem::create_directory(directory / "sub");
    // Within the first header, within the second, and behind both.
    for (const rlim_t most :
         {rlim_t{0}, rlim_t{1}, rlim_t{50}, rlim_t{kFirstBatch}, rlim_t{kFirstBatch + 3}}) {
        CAPTURE(most);
        const FileSizeLimit full{most};
        CHECK_FALSE(write(*segment, kFirstBatch, "hello"));
        CHECK_FALSE(segment->isWritten());
    }
    REQUIRE(write(*segment, kFirstBatch, "hello"));
    CHECK(read(*segment, kFirstBatch, 100) == "hello");
    CHECK(Segment::existing(segment->path(), 1, segment->size())->salt().value() == segment->knownSalt());
}

TEST_CASE("a segment that is cut goes on from there", "[segment]") {
    const TemporaryDirectory directory;
    const SegmentPtr segment = Segment::create(directory / "a.log", 1, 0);
    REQUIRE(write(*segment, kFirstBatch, "0123456789"));
    segment->cut(kFirstBatch + 4);
    CHECK(segment->size() == kFirstBatch + 4);
    CHECK(std::filesystem::file_size(segment->path()) == kFirstBatch + 4);
    REQUIRE(write(*segment, kFirstBatch + 4, "ab"));
    CHECK(read(*segment, kFirstBatch, 100) == "0123ab");
}

TEST_CASE("a segment at rest has no open file, and opens it again when it is used", "[segment]") {
    const TemporaryDirectory directory;
    const SegmentPtr segment = Segment::create(directory / "a.log", 1, 0);
    REQUIRE(write(*segment, kFirstBatch, "abc"));
    CHECK(isOpen(segment->path()));
    segment->rest();
    segment->rest();
    CHECK_FALSE(isOpen(segment->path()));
    CHECK(read(*segment, kFirstBatch, 3) == "abc");
    CHECK(isOpen(segment->path()));
    segment->rest();
    REQUIRE(write(*segment, kFirstBatch + 3, "def"));
    CHECK(read(*segment, kFirstBatch, 6) == "abcdef");
    {
        const SegmentPtr other = Segment::existing(directory / "a.log", 1, segment->size());
        segment->rest();
        CHECK(read(*other, kFirstBatch, 3) == "abc");
    }
    CHECK_FALSE(isOpen(segment->path()));
}

TEST_CASE("holds are counted through copies, moves and assignments", "[segment]") {
    const SegmentPtr segment = Segment::create("/none/a.log", 1, 0);
    const SegmentPtr other = Segment::create("/none/b.log", 2, 0);
    CHECK(segment->holds() == 0);
    {
        SegmentHold first{segment};
        CHECK(segment->holds() == 1);
        SegmentHold copy = first;
        CHECK(segment->holds() == 2);
        SegmentHold moved = std::move(first);
        CHECK(segment->holds() == 2);
        copy = SegmentHold{other};
        CHECK(segment->holds() == 1);
        CHECK(other->holds() == 1);
        moved = copy;
        CHECK(segment->holds() == 0);
        CHECK(other->holds() == 2);
        const SegmentHold& same = moved;
        moved = same;
        CHECK(other->holds() == 2);
        const SegmentHold nothing;
        CHECK(nothing.get() == nullptr);
        moved = nothing;
        CHECK(other->holds() == 1);
    }
    CHECK(other->holds() == 0);
}

TEST_CASE("a segment in memory keeps its block", "[segment]") {
    const MemoryAccount account = test::newAccount();
    {
        Block* const block = Block::create(100, account);
        const SegmentPtr segment = Segment::inMemory(5, block);
        CHECK(segment->isInMemory());
        CHECK(segment->memory() == block->data());
        CHECK(account->load() > 100);
        const sdk::BufferRef owner = segment->owner();
        CHECK(owner.get() == block);
    }
    CHECK(account->load() == 0);
}

TEST_CASE("a segment is abandoned for good", "[segment]") {
    const SegmentPtr segment = Segment::create("/none/a.log", 1, 0);
    CHECK_FALSE(segment->isAbandoned());
    segment->abandon();
    CHECK(segment->isAbandoned());
}

}  // namespace
}  // namespace nsq::storage
