// TopicLog and its files: rotation, what stays in memory, rest.

#include <catch2/catch.hpp>

#include <set>

#include "storage/batch.h"
#include "storage/topic_log.h"
#include "unit/storage/file_log.h"

namespace nsq::storage {
namespace {

using disk::kFirstBatch;
using test::append;
using test::FileLog;
using test::filesOf;
using test::readAll;
using test::readOne;
using test::textsOf;

using Texts = std::vector<std::string>;

/// A batch of one message with a body of `size`.
constexpr std::size_t batchOf(std::size_t size) {
    return sizeof(disk::BatchHeader) + sdk::frame::kBodyOffset + size;
}

/// What is not needed in memory is written at once.
LogConfig writtenLater(std::uint64_t memoryMessages) {
    LogConfig config;
    config.writeThrough = false;
    config.memoryMessages = memoryMessages;
    return config;
}

TEST_CASE("a commit has written what it committed", "[topic_log_files]") {
    FileLog log;
    CHECK(log.files().empty());
    Texts expected;
    for (int i = 0; i < 5; ++i) {
        expected.push_back(std::to_string(i));
        log.publish({expected.back()});
        REQUIRE(log.files().size() == 1);
        CHECK(std::filesystem::file_size(log.files().front()) == log->lastOffset());
    }
    CHECK(log.files().front() == segmentFile(log.path(), 100));
    log.restart();
    CHECK(textsOf(log.all()) == expected);
}

TEST_CASE("a file is full at its limit, and a batch is never torn between two", "[topic_log_files]") {
    const std::size_t perFile = GENERATE(1u, 2u, 5u);
    const std::size_t spare = GENERATE(0u, 1u, 91u);
    FileLog log{filesOf(kFirstBatch + perFile * batchOf(10) + spare)};
    Texts expected;
    for (std::size_t i = 0; i < 4 * perFile; ++i) {
        expected.push_back("message 0" + std::to_string(i % 10));
        log.publish({expected.back()});
        REQUIRE(log.files().size() == i / perFile + 1);
        CHECK(log.files().back() == segmentFile(log.path(), 100 + i / perFile * perFile));
    }
    CHECK(textsOf(log.all()) == expected);
    log->rest();
    CHECK(textsOf(log.all()) == expected);
    log.restart();
    CHECK(textsOf(log.all()) == expected);
}

TEST_CASE("limits smaller than a message put each batch into a file of its own", "[topic_log_files]") {
    const std::uint64_t limit = GENERATE(0u, 1u, 80u, 100u);
    FileLog log{filesOf(limit)};
    Texts expected;
    for (int i = 0; i < 5; ++i) {
        const Texts texts{std::to_string(i), std::string(10'000, 'x')};
        expected.insert(expected.end(), texts.begin(), texts.end());
        log.publish(texts);
    }
    CHECK(log.files().size() == 5);
    CHECK(log.store().segments().size() == 5);
    CHECK(textsOf(log.all()) == expected);
    log.restart();
    CHECK(textsOf(log.all()) == expected);
}

TEST_CASE("one turn may go over several files", "[topic_log_files]") {
    FileLog log{filesOf(1000)};
    Texts expected;
    LogCursor cursor = log->end();
    for (int turn = 0; turn < 3; ++turn) {
        for (int i = 0; i < 10; ++i) {
            expected.push_back(std::string(600, static_cast<char>('a' + i)));
            append(*log, {expected.back()});
        }
        REQUIRE(log->commit());
    }
    CHECK(log.files().size() == 30);
    CHECK(textsOf(readAll(log.store(), cursor)) == expected);
    log.restart();
    CHECK(textsOf(log.all()) == expected);
}

TEST_CASE("files of moved messages alone have names of their own", "[topic_log_files]") {
    // Moved messages bring no numbers with them, and files are named by numbers.
    FileLog log{filesOf(1)};
    std::vector<LogMessage> moved;
    const auto move = [&](std::uint64_t seq) {
        moved.push_back(log->move(seq, test::makeFrame(seq, "m" + std::to_string(seq)), 1));
    };
    log.publish({"a"});
    for (std::uint64_t seq = 1; seq <= 5; ++seq) {
        move(seq);
        if (seq % 2 == 0) REQUIRE(log->commit());
    }
    log.publish({"b"});
    log->beginFile();
    move(6);
    REQUIRE(log->commit());
    log->beginFile();
    move(7);
    REQUIRE(log->commit());
    if (GENERATE(true, false)) log->rest();
    CHECK(textsOf(log.all()) == Texts{"a", "b"});
    FrameFinder finder{log.store()};
    std::set<std::filesystem::path> paths;
    for (const LogMessage& message : moved) {
        CHECK(test::messageAt(finder.find(message.place, message.seq).value()).body ==
              "m" + std::to_string(message.seq));
        CHECK(paths.insert(message.place.segment->path()).second);
    }
    moved.clear();
    const RecoveredLog found = log.restart();
    CHECK(found.moved.size() == 7);
    CHECK(textsOf(log.all()) == Texts{"a", "b"});
}

TEST_CASE("trimming bounds memory, and an old cursor still reads everything", "[topic_log_files]") {
    LogConfig config = writtenLater(5000);
    config.writeThrough = GENERATE(true, false);
    config.maxBytesPerFile = 1 << 20;
    FileLog log{config};
    LogCursor old = log->end();
    std::int64_t most = 0;
    for (int i = 0; i < 50'000; ++i) {
        append(*log, {std::to_string(i) + std::string(200, 'x')});
        if (i % 10 != 9) continue;
        REQUIRE(log->commit());
        log->trim();
        old.rest();
        most = std::max(most, log.memory());
    }
    // The newest messages, and the blocks they begin and end in.
    CHECK(most < 5000 * 300 + 3 * 262144 + 1000);
    CHECK(log.memory() > 5000 * 230);
    const auto read = readAll(log.store(), old);
    REQUIRE(read.size() == 50'000);
    for (std::size_t i = 0; i < read.size(); ++i)
        REQUIRE(read[i].body == std::to_string(i) + std::string(200, 'x'));
    CHECK_FALSE(log->trim());
}

TEST_CASE("few large messages do not fill memory either", "[topic_log_files]") {
    FileLog log{writtenLater(1'000'000)};
    for (int i = 0; i < 300; ++i) {
        log.publish({std::string(100'000, 'x')});
        log->trim();
        REQUIRE(log.memory() < 6 << 20);
    }
    CHECK(log.all().size() == 300);
}

TEST_CASE("what fits into memory is written only when it must be", "[topic_log_files]") {
    FileLog log{writtenLater(100)};
    Texts expected;
    const auto publish = [&](int count) {
        for (int i = 0; i < count; ++i) {
            expected.push_back(std::to_string(expected.size()) + std::string(1000, 'x'));
            log.publish({expected.back()});
        }
    };
    publish(100);
    CHECK(log.files().empty());
    log->rest();  // cannot: nothing is written
    CHECK(log.store().memory() != nullptr);
    CHECK(log.all().size() == 100);
    publish(300);
    REQUIRE(log.files().size() == 1);
    CHECK(std::filesystem::file_size(log.files().front()) < log->lastOffset());
    CHECK(textsOf(log.all()) == expected);
    REQUIRE(log->writeAll());
    CHECK(std::filesystem::file_size(log.files().front()) == log->lastOffset());
    publish(10);
    REQUIRE(log->writeAll());
    REQUIRE(log->writeAll());
    log->rest();
    CHECK(log.memory() == 0);
    CHECK(textsOf(log.all()) == expected);
    publish(10);
    CHECK(textsOf(log.all()) == expected);
    REQUIRE(log->writeAll());
    log.restart();
    CHECK(textsOf(log.all()) == expected);
}

TEST_CASE("writing all in the middle of a turn leaves out what is not committed", "[topic_log_files]") {
    FileLog log{writtenLater(100)};
    log.publish({"a"});
    append(*log, {"b"});
    REQUIRE(log->writeAll());
    CHECK(std::filesystem::file_size(log.files().front()) == log->lastOffset());
    append(*log, {"c"});
    REQUIRE(log->commit());
    REQUIRE(log->writeAll());
    log.restart();
    CHECK(textsOf(log.all()) == Texts{"a", "b", "c"});
    CHECK(log.store().damagedBatches() == 0);
}

TEST_CASE("a log at rest keeps no memory and no open file, and goes on", "[topic_log_files]") {
    FileLog log;
    LogCursor cursor = log->end();
    Texts expected;
    for (int i = 0; i < 5; ++i) {
        const std::string text = std::to_string(i);
        expected.push_back(text);
        log.publish({text});
        CHECK(textsOf(readAll(log.store(), cursor)) == Texts{text});
        cursor.rest();
        log->rest();
        CHECK(log.memory() == 0);
        CHECK(log->end().index == expected.size());
        LogCursor end = log->end();
        CHECK(readOne(log.store(), end).count == 0);
    }
    append(*log, {"uncommitted"});
    log->rest();  // not in the middle of a turn
    REQUIRE(log->commit());
    expected.emplace_back("uncommitted");
    CHECK(textsOf(log.all()) == expected);
}

TEST_CASE("after beginFile all files before may go", "[topic_log_files]") {
    FileLog log;
    log->beginFile();  // there is nothing before
    log.publish({"a", "b"});
    LogCursor cursor = log->end();
    log->beginFile();
    log->beginFile();
    CHECK(log.files().size() == 1);
    const SegmentPtr next = log->lastSegment();
    CHECK_FALSE(next->isWritten());
    const auto released = log.store().releaseBefore(next.get());
    REQUIRE(released.size() == 1);
    std::filesystem::remove(released.front()->path());
    CHECK(readOne(log.store(), cursor).count == 0);
    log.publish({"c"});
    CHECK(log.files() == std::vector{segmentFile(log.path(), 102)});
    CHECK(textsOf(readAll(log.store(), cursor)) == Texts{"c"});
    CHECK(cursor.index == 3);
    log.restart();
    LogCursor after;
    CHECK(textsOf(readAll(log.store(), after)) == Texts{"c"});
    CHECK(after.index == 3);
}

TEST_CASE("beginFile waits for the end of a turn", "[topic_log_files]") {
    FileLog log;
    append(*log, {"a"});
    log->beginFile();
    REQUIRE(log->commit());
    CHECK(textsOf(log.all()) == Texts{"a"});
}

TEST_CASE("what nobody wants any more is not written", "[topic_log_files]") {
    FileLog log{writtenLater(100)};
    log.publish({"a"});
    log->beginFile();
    REQUIRE(log.store().releaseBefore(log->lastSegment().get()).size() == 1);
    log.publish({"b"});
    REQUIRE(log->writeAll());
    CHECK(log.files() == std::vector{segmentFile(log.path(), 101)});
}

TEST_CASE("an abandoned log holds nothing", "[topic_log_files]") {
    FileLog log{writtenLater(GENERATE(0u, 100u))};
    log.publish({"a"});
    const SegmentHold hold{log->lastSegment()};
    append(*log, {"b"});
    log->abandon();
    CHECK(log.store().segments().empty());
    CHECK(log->committed() == log->appended());
    CHECK(log.memory() == 0);
    CHECK(hold->isAbandoned());
    REQUIRE(log->commit());
    REQUIRE(log->writeAll());
}

}  // namespace
}  // namespace nsq::storage
