#include "storage/log_store.h"

#include <catch2/catch.hpp>

#include "storage/batch.h"
#include "unit/storage/file_log.h"

namespace nsq::storage {
namespace {

using disk::kFirstBatch;
using test::ByteVector;
using test::FileLog;

constexpr std::size_t kHeader = sizeof(disk::BatchHeader);

/// Small enough for a batch of one message with this body to fill a file alone.
LogConfig filePerBatch() {
    LogConfig config;
    config.maxBytesPerFile = kFirstBatch + 1;
    return config;
}

bool find(LogStore& store, LogPlace& place) {
    const auto found = store.find(place);
    INFO((found ? "" : found.error().text));
    REQUIRE(found);
    return found.value();
}

disk::BatchHeader headerAt(const LogPlace& place) {
    REQUIRE(place.extent);
    REQUIRE(place.extent->segment == place.segment);
    REQUIRE(place.extent->has(place.offset));
    disk::BatchHeader header;
    std::memcpy(&header, place.extent->at(place.offset), sizeof header);
    return header;
}

TEST_CASE("a store without anything has nothing", "[log_store]") {
    LogStore store{test::newAccount(), test::ignoreReport};
    LogPlace place;
    CHECK_FALSE(find(store, place));
    CHECK_FALSE(place.extent);
    CHECK(store.segments().empty());
    CHECK(store.releaseBefore(nullptr).empty());
    CHECK(store.memory() == nullptr);
}

TEST_CASE("what is in memory is found there, what is not in the file", "[log_store]") {
    FileLog log;
    log.publish({"a"});
    const LogCursor second = log->end();
    log.publish({"b"});
    LogPlace place;
    REQUIRE(find(log.store(), place));
    CHECK(headerAt(place).firstSeq == 100);
    CHECK(place.extent == log.store().memory());
    LogPlace next{second.segment, second.offset, nullptr};
    REQUIRE(find(log.store(), next));
    CHECK(headerAt(next).firstSeq == 101);
    CHECK(next.extent == log.store().memory());

    log->rest();
    CHECK(log.store().memory() == nullptr);
    for (LogPlace* const again : {&place, &next}) {
        const std::uint64_t offset = again->offset;
        const std::uint64_t seq = headerAt(*again).firstSeq;
        REQUIRE(find(log.store(), *again));
        CHECK(again->offset == offset);
        CHECK(headerAt(*again).firstSeq == seq);
        CHECK(again->extent->detached);
    }

    // From here on there is a file before and memory behind.
    log.publish({"c"});
    LogPlace first;
    REQUIRE(find(log.store(), first));
    CHECK(headerAt(first).firstSeq == 100);
    CHECK(first.extent->end() == log.store().memory()->offset);
    LogPlace third{first.segment, first.extent->end(), nullptr};
    REQUIRE(find(log.store(), third));
    CHECK(headerAt(third).firstSeq == 102);
    CHECK(third.extent == log.store().memory());
}

TEST_CASE("behind everything is the last memory, or nothing", "[log_store]") {
    FileLog log;
    log.publish({"a"});
    const LogCursor end = log->end();
    LogPlace place{end.segment, end.offset, nullptr};
    REQUIRE(find(log.store(), place));
    CHECK(place.offset == end.offset);
    CHECK(place.extent->end() == end.offset);
    log->rest();
    CHECK_FALSE(find(log.store(), place));
    CHECK(place.offset == end.offset);
    log.publish({"b"});
    REQUIRE(find(log.store(), place));
    CHECK(headerAt(place).firstSeq == 101);
}

TEST_CASE("the next batch is found across segments", "[log_store]") {
    FileLog log{filePerBatch()};
    for (int i = 0; i < 5; ++i) log.publish({"x"});
    const bool rested = GENERATE(true, false);
    if (rested) log->rest();
    const std::vector<SegmentPtr> segments = log.store().segments();
    REQUIRE(segments.size() == 5);
    for (const SegmentPtr& segment : segments) {
        CHECK(segment->size() == kFirstBatch + kHeader + sdk::frame::kBodyOffset + 1);
    }
    for (std::size_t i = 0; i + 1 < segments.size(); ++i) {
        CAPTURE(i);
        LogPlace place{segments[i], segments[i]->size(), nullptr};
        REQUIRE(find(log.store(), place));
        CHECK(place.segment == segments[i + 1]);
        CHECK(place.offset == kFirstBatch);
        CHECK(headerAt(place).firstSeq == 101 + i);
    }
}

TEST_CASE("segments before the oldest that is needed go, unless they are held", "[log_store]") {
    FileLog log{filePerBatch()};
    for (int i = 0; i < 6; ++i) log.publish({"x"});
    log->rest();
    const std::vector<SegmentPtr> segments = log.store().segments();
    std::optional<SegmentHold> hold{segments[1]};
    CHECK(log.store().releaseBefore(segments[0].get()).empty());
    CHECK(log.store().releaseBefore(segments[3].get()) == std::vector{segments[0], segments[2]});
    CHECK(log.store().segments() == std::vector{segments[1], segments[3], segments[4], segments[5]});
    CHECK(segments[0]->isAbandoned());
    CHECK_FALSE(segments[1]->isAbandoned());
    CHECK(std::filesystem::exists(segments[0]->path()));

    // Places in what went are before what is still there.
    LogPlace gone{segments[2], kFirstBatch, nullptr};
    REQUIRE(find(log.store(), gone));
    CHECK(headerAt(gone).firstSeq == 103);
    LogPlace held{segments[1], kFirstBatch, nullptr};
    REQUIRE(find(log.store(), held));
    CHECK(headerAt(held).firstSeq == 101);

    hold.reset();
    CHECK(log.store().releaseBefore(segments[3].get()) == std::vector{segments[1]});
    CHECK(log.store().releaseBefore(nullptr).size() == 3);
    CHECK_FALSE(find(log.store(), gone));
}

TEST_CASE("a few messages are found with less of a file", "[log_store]") {
    FileLog log;
    for (int i = 0; i < 1000; ++i) log.publish({std::string(300, 'x')});
    log->rest();
    REQUIRE(log.memory() == 0);
    LogPlace place;
    REQUIRE(find(log.store(), place));
    const std::int64_t whole = log.memory();
    CHECK(whole > 200'000);
    place = {};
    REQUIRE(log.store().findNear(place).value());
    CHECK(headerAt(place).firstSeq == 100);
    CHECK(log.memory() < 20'000);
}

TEST_CASE("damage is reported once, and its bytes are kept aside", "[log_store]") {
    FileLog log;
    std::vector<std::uint64_t> begins;
    for (int i = 0; i < 4; ++i) {
        begins.push_back(log->lastOffset());
        log.publish({"a", "b"});
    }
    log->rest();
    const std::filesystem::path file = log.files().front();
    test::flipInFile(file, begins[1] + kHeader);
    test::flipInFile(file, begins[2]);
    const ByteVector bytes = log.bytesOf(file);
    const SegmentPtr segment = log.store().segments().front();

    for (int i = 0; i < 3; ++i) {
        LogPlace place{segment, begins[1], nullptr};
        REQUIRE(find(log.store(), place));
        CHECK(place.offset == begins[3]);
    }
    CHECK(log.store().damagedBatches() == 2);
    const std::vector<std::string> reports = log.takeReports();
    REQUIRE(reports.size() == 2);
    CHECK(reports[0] == file.string() + ": bytes " + std::to_string(begins[1]) + " to " +
                            std::to_string(begins[2]) + " skipped: 2 damaged messages");
    CHECK(reports[1].find("skipped: no batch") != std::string::npos);
    CHECK(log.takeReports().empty());
    for (std::size_t i = 1; i <= 2; ++i) {
        const ByteVector aside = log.bytesOf(file.string() + "." + std::to_string(begins[i]) + ".bad");
        CHECK(std::ranges::equal(aside, sdk::Bytes{bytes}.subspan(begins[i], begins[i + 1] - begins[i])));
    }
    // What is set aside is no part of the log.
    CHECK(log.files().size() == 1);
}

TEST_CASE("damage up to the end is passed, and what comes later is found", "[log_store]") {
    FileLog log;
    log.publish({"a"});
    const std::uint64_t second = log->lastOffset();
    log.publish({"b"});
    log->rest();
    test::flipInFile(log.files().front(), second + kHeader);
    const SegmentPtr segment = log.store().segments().front();
    LogPlace place{segment, second, nullptr};
    CHECK_FALSE(find(log.store(), place));
    CHECK(place.offset == log->lastOffset());
    log.publish({"c"});
    REQUIRE(find(log.store(), place));
    CHECK(headerAt(place).firstSeq == 102);
}

TEST_CASE("a file that cannot be read is an error each time, until it can", "[log_store]") {
    FileLog log;
    log.publish({"a"});
    log->rest();
    const std::filesystem::path file = log.files().front();
    std::filesystem::rename(file, file.string() + ".away");
    LogPlace place;
    for (int i = 0; i < 2; ++i) {
        const auto found = log.store().find(place);
        REQUIRE_FALSE(found);
        CHECK(found.error().code == sdk::ErrorCode::kStorage);
    }
    std::filesystem::rename(file.string() + ".away", file);
    REQUIRE(find(log.store(), place));
    CHECK(headerAt(place).firstSeq == 100);
    CHECK(log.store().damagedBatches() == 0);
}

}  // namespace
}  // namespace nsq::storage
