#include "storage/segment_file.h"

#include <catch2/catch.hpp>

#include <cstring>

#include "storage/disk_format.h"
#include "unit/storage/log_messages.h"
#include "unit/storage/temporary_directory.h"

namespace nsq::storage {
namespace {

using test::TemporaryDirectory;

/// A batch as it came out of a file.
struct Found {
    std::uint64_t firstSeq;
    std::uint32_t count;
    std::vector<std::byte> frames;

    friend bool operator==(const Found&, const Found&) = default;
};

/// A small segment file and what is in it.
struct Sample {
    std::vector<Found> batches;
    std::vector<std::size_t> begins;  ///< where each batch is in the file
    std::vector<std::byte> file;
};

sdk::Result<SegmentReport> read(const std::filesystem::path& path, std::vector<Found>& found) {
    return readSegment(path, [&](const SegmentBatch& batch) {
        found.push_back({batch.firstSeq, batch.count, {batch.frames.begin(), batch.frames.end()}});
    });
}

Sample writeSample(const std::filesystem::path& path, int batches) {
    TopicLog log{500, 4, test::newAccount()};
    LogCursor cursor = log.end();
    Sample sample;
    auto writer = SegmentWriter::create(path, 500);
    REQUIRE(writer);
    for (int i = 0; i < batches; ++i) {
        test::append(
            log, std::vector<std::string>(static_cast<std::size_t>(i % 3 + 1), "body " + std::to_string(i)));
        log.commit();
        const LogRun run = readRun(cursor, 100, SIZE_MAX);
        sample.begins.push_back(writer.value().size());
        REQUIRE(writer.value().append(run.firstSeq, run.count, run.frames()));
        sample.batches.push_back({run.firstSeq, run.count, {run.frames().begin(), run.frames().end()}});
    }
    REQUIRE(writer.value().close());
    sample.file = readFile(path).value();
    REQUIRE(sample.file.size() == writer.value().size());
    return sample;
}

TEST_CASE("a segment file gives back its batches", "[segment_file]") {
    const TemporaryDirectory directory;
    const Sample sample = writeSample(directory / "a.log", 7);
    std::vector<Found> found;
    const auto report = read(directory / "a.log", found);
    REQUIRE(report);
    CHECK(report.value().damagedBytes == 0);
    CHECK(report.value().text.empty());
    CHECK(found == sample.batches);
}

TEST_CASE("a segment file larger than the write buffer comes back whole", "[segment_file]") {
    const TemporaryDirectory directory;
    TopicLog log{1, 0, test::newAccount()};
    LogCursor cursor = log.end();
    auto writer = SegmentWriter::create(directory / "a.log", 1);
    REQUIRE(writer);
    for (int i = 0; i < 40; ++i) {
        test::append(log, {std::string(100'000, static_cast<char>('a' + i % 26))});
        log.commit();
        const LogRun run = readRun(cursor, 1, SIZE_MAX);
        REQUIRE(writer.value().append(run.firstSeq, run.count, run.frames()));
    }
    REQUIRE(writer.value().close());
    CHECK(std::filesystem::file_size(directory / "a.log") == writer.value().size());
    std::vector<Found> found;
    REQUIRE(read(directory / "a.log", found));
    REQUIRE(found.size() == 40);
    for (std::size_t i = 0; i < found.size(); ++i) {
        CHECK(found[i].firstSeq == 1 + i);
        CHECK(test::decode(found[i].frames).front().body ==
              std::string(100'000, static_cast<char>('a' + i % 26)));
    }
}

TEST_CASE("a segment file has its name only when it is complete", "[segment_file]") {
    const TemporaryDirectory directory;
    auto writer = SegmentWriter::create(directory / "a.log", 1);
    REQUIRE(writer);
    CHECK_FALSE(std::filesystem::exists(directory / "a.log"));
    REQUIRE(writer.value().close());
    CHECK(std::filesystem::exists(directory / "a.log"));
    CHECK_FALSE(std::filesystem::exists(directory / "a.log.tmp"));
}

TEST_CASE("one flipped byte costs one batch at most, and is told", "[segment_file]") {
    const TemporaryDirectory directory;
    const Sample sample = writeSample(directory / "a.log", 5);
    for (std::size_t at = 0; at < sample.file.size(); ++at) {
        for (const std::byte flip : {std::byte{0x01}, std::byte{0x80}, std::byte{0xff}}) {
            CAPTURE(at, std::to_integer<int>(flip));
            std::vector<std::byte> damaged = sample.file;
            damaged[at] ^= flip;
            test::writeFile(directory / "b.log", damaged);
            std::vector<Found> found;
            const auto report = read(directory / "b.log", found);
            if (at >= offsetof(disk::SegmentHeader, version) &&
                at < offsetof(disk::SegmentHeader, reserved)) {
                // It says that another version wrote it, which this one does not touch.
                REQUIRE_FALSE(report);
                REQUIRE(report.error().text.find("format version") != std::string::npos);
                continue;
            }
            REQUIRE(report);
            std::vector<Found> expected = sample.batches;
            if (at >= sizeof(disk::SegmentHeader)) {
                std::size_t hit = 0;
                while (hit + 1 < sample.begins.size() && sample.begins[hit + 1] <= at) ++hit;
                expected.erase(expected.begin() + static_cast<std::ptrdiff_t>(hit));
                const std::size_t end =
                    hit + 1 < sample.begins.size() ? sample.begins[hit + 1] : sample.file.size();
                REQUIRE(report.value().damagedBytes == end - sample.begins[hit]);
                REQUIRE(report.value().text.find("from byte " + std::to_string(sample.begins[hit])) !=
                        std::string::npos);
            } else if (at < offsetof(disk::SegmentHeader, version)) {
                REQUIRE_FALSE(report.value().text.empty());
            }
            REQUIRE(found == expected);
        }
    }
}

TEST_CASE("a torn segment file gives all batches before the tear, and is told", "[segment_file]") {
    const TemporaryDirectory directory;
    const Sample sample = writeSample(directory / "a.log", 5);
    for (std::size_t size = 0; size < sample.file.size(); ++size) {
        CAPTURE(size);
        test::writeFile(directory / "b.log", sdk::Bytes{sample.file}.first(size));
        std::vector<Found> found;
        const auto report = read(directory / "b.log", found);
        REQUIRE(report);
        std::vector<Found> expected;
        bool atBoundary = size == sizeof(disk::SegmentHeader);
        for (std::size_t i = 0; i < sample.batches.size(); ++i) {
            const std::size_t end = i + 1 < sample.begins.size() ? sample.begins[i + 1] : sample.file.size();
            if (end <= size) expected.push_back(sample.batches[i]);
            atBoundary = atBoundary || end == size;
        }
        REQUIRE(found == expected);
        REQUIRE(report.value().text.empty() == atBoundary);
    }
}

TEST_CASE("garbage between, before and behind batches is skipped", "[segment_file]") {
    const TemporaryDirectory directory;
    const Sample sample = writeSample(directory / "a.log", 3);
    const std::string garbage = "NSQBNSQB" + std::string(50, '\0') + "NSQB\xff\xff\xff\xff";
    std::vector<std::byte> file = sample.file;
    for (const std::size_t at : {sample.file.size(), sample.begins[2], sample.begins[1], sample.begins[0]}) {
        const sdk::Bytes bytes = sdk::asBytes(garbage);
        file.insert(file.begin() + static_cast<std::ptrdiff_t>(at), bytes.begin(), bytes.end());
    }
    test::writeFile(directory / "b.log", file);
    std::vector<Found> found;
    const auto report = read(directory / "b.log", found);
    REQUIRE(report);
    CHECK(found == sample.batches);
    CHECK(report.value().damagedBytes == 4 * garbage.size());
}

TEST_CASE("a batch whose sum is right but whose frames are not is refused", "[segment_file]") {
    const TemporaryDirectory directory;
    // Frames that are too short, that claim more than there is, negative sizes, and too few of them.
    std::string negative(40, 'x');
    sdk::storeBig(reinterpret_cast<std::byte*>(negative.data()), std::int32_t{-4});
    std::string beyond(40, 'x');
    sdk::storeBig(reinterpret_cast<std::byte*>(beyond.data()), std::int32_t{100});
    std::string whole(40, 'x');
    sdk::storeBig(reinterpret_cast<std::byte*>(whole.data()), std::int32_t{36});
    const auto [frames, count] = GENERATE_COPY(table<std::string, std::uint32_t>({{"short", 1},
                                                                                  {"", 1},
                                                                                  {negative, 1},
                                                                                  {beyond, 1},
                                                                                  {whole, 2},
                                                                                  {whole + whole, 1},
                                                                                  {whole, 0xffffffff}}));
    auto writer = SegmentWriter::create(directory / "a.log", 1);
    REQUIRE(writer);
    REQUIRE(writer.value().append(1, count, sdk::asBytes(frames)));
    REQUIRE(writer.value().append(9, 1, sdk::asBytes(whole)));
    REQUIRE(writer.value().close());
    std::vector<Found> found;
    const auto report = read(directory / "a.log", found);
    REQUIRE(report);
    REQUIRE(found.size() == 1);
    CHECK(found[0].firstSeq == 9);
    CHECK(report.value().damagedBytes == sizeof(disk::BatchHeader) + frames.size());
}

TEST_CASE("what is no segment file is an error or damage, not a crash", "[segment_file]") {
    const TemporaryDirectory directory;
    std::vector<Found> found;
    CHECK_FALSE(read(directory / "missing.log", found));
    CHECK_FALSE(read(directory.path(), found));
    REQUIRE(
        replaceFile(directory / "text.log", sdk::asBytes("This is a text, long enough to hold a header.")));
    const auto report = read(directory / "text.log", found);
    REQUIRE(report);
    CHECK(report.value().damagedBytes == 45);
    CHECK(found.empty());
}

TEST_CASE("a segment file that cannot be created is an error that names it", "[segment_file]") {
    const TemporaryDirectory directory;
    const auto writer = SegmentWriter::create(directory / "no/such/a.log", 1);
    REQUIRE_FALSE(writer);
    CHECK(writer.error().code == sdk::ErrorCode::kStorage);
    CHECK(writer.error().text.find("no/such/a.log") != std::string::npos);
}

}  // namespace
}  // namespace nsq::storage
