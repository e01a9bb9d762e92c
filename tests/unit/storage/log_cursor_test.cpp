#include "storage/log_cursor.h"

#include <catch2/catch.hpp>

#include <random>

#include "storage/batch.h"
#include "unit/storage/file_log.h"

namespace nsq::storage {
namespace {

using test::append;
using test::decode;
using test::FileLog;
using test::readAll;
using test::readOne;
using test::textsOf;

using Texts = std::vector<std::string>;

constexpr std::size_t kHeader = sizeof(disk::BatchHeader);
constexpr std::size_t kFrame = sdk::frame::kBodyOffset + 6;

TEST_CASE("a run ends at the message limit, at the byte limit, and has one message at least",
          "[log_cursor]") {
    FileLog log;
    log.publish({"aaaaaa", "bbbbbb", "cccccc", "dddddd", "eeeeee"});
    if (GENERATE(true, false)) log->rest();
    LogCursor cursor;
    CHECK(readOne(log.store(), cursor, {.messages = 1}).count == 1);
    CHECK(cursor.batchLeft == 4);
    CHECK(cursor.seq == 101);
    CHECK(cursor.index == 1);
    const auto countOf = [&](const LogLimit& limit) {
        LogCursor copy = cursor;
        const LogRun run = readOne(log.store(), copy, limit);
        CHECK(run.bytes == run.count * kFrame);
        CHECK(run.firstSeq == 101);
        CHECK(copy.index == cursor.index + run.count);
        return run.count;
    };
    CHECK(countOf({.messages = 3}) == 3);
    CHECK(countOf({.bytes = 0}) == 1);
    CHECK(countOf({.bytes = 1}) == 1);
    CHECK(countOf({.bytes = 2 * kFrame - 1}) == 1);
    CHECK(countOf({.bytes = 2 * kFrame}) == 2);
    CHECK(countOf({.messages = 2, .bytes = 3 * kFrame}) == 2);
    CHECK(countOf({.bytes = 4 * kFrame}) == 4);
    CHECK(countOf({.messages = 4}) == 4);
    CHECK(countOf({.messages = 9, .bytes = 4 * kFrame + 1}) == 4);
}

TEST_CASE("a strict byte limit may leave nothing, and loses nothing", "[log_cursor]") {
    FileLog log;
    log.publish({"aaaaaa", "bbbbbb"});
    LogCursor cursor;
    for (const std::size_t bytes : {std::size_t{0}, std::size_t{1}, kFrame - 1}) {
        const LogRun run = readOne(log.store(), cursor, {.bytes = bytes, .strict = true});
        CHECK(run.count == 0);
        CHECK(run.bytes == 0);
        CHECK(cursor.index == 0);
    }
    CHECK(readOne(log.store(), cursor, {.bytes = kFrame, .strict = true}).count == 1);
    CHECK(readOne(log.store(), cursor, {.bytes = kFrame - 1, .strict = true}).count == 0);
    CHECK(textsOf(readAll(log.store(), cursor)) == Texts{"bbbbbb"});
}

TEST_CASE("a run never goes over the end of a batch, and names it", "[log_cursor]") {
    FileLog log;
    append(*log, {"a", "b"});
    append(*log, {"c"});  // the same turn: the same batch
    REQUIRE(log->commit());
    const std::uint64_t second = log->lastOffset();
    log.publish({"d"});
    LogCursor cursor;
    const LogRun first = readOne(log.store(), cursor);
    CHECK(first.count == 3);
    CHECK(first.place.offset == disk::kFirstBatch);
    CHECK(first.place.segment.pointer() == log->lastSegment());
    CHECK(first.place.segment->holds() == 1);
    const LogRun next = readOne(log.store(), cursor);
    CHECK(next.count == 1);
    CHECK(next.place.offset == second);
    CHECK(readOne(log.store(), cursor).count == 0);
}

TEST_CASE("skipping is reading without looking", "[log_cursor]") {
    FileLog log{test::filesOf(20'000)};
    std::mt19937 random{11};
    for (int i = 0; i < 500; ++i) {
        append(*log, Texts(random() % 4 + 1, std::string(random() % 300, 'x')));
        if (random() % 3 == 0) REQUIRE(log->commit());
    }
    REQUIRE(log->commit());
    if (GENERATE(true, false)) log->rest();
    const std::uint64_t total = log->end().index;
    for (std::uint64_t count = 0; count < total; count += 97) {
        LogCursor cursor;
        REQUIRE(skip(log.store(), cursor, count));
        REQUIRE(cursor.index == count);
        REQUIRE(readOne(log.store(), cursor, {.messages = 1}).firstSeq == 100 + count);
    }
    LogCursor cursor;
    REQUIRE(skip(log.store(), cursor, total + 1000));
    CHECK(cursor.index == total);
}

TEST_CASE("deferred and moved batches are stepped over", "[log_cursor]") {
    FileLog log{test::filesOf(GENERATE(1u, 300u, 1u << 20))};
    const std::vector<sdk::Bytes> bodies{sdk::asBytes("later"), sdk::asBytes("and later")};
    const test::ByteVector old = test::makeFrame(5, "old");
    const auto aside = [&] {
        static_cast<void>(log->appendDeferred(bodies, 1, 99));
        static_cast<void>(log->move(5, old, 1));
    };
    aside();
    append(*log, {"a"});
    aside();
    REQUIRE(log->commit());
    append(*log, {"b", "c"});
    aside();
    aside();
    append(*log, {"d"});
    aside();
    REQUIRE(log->commit());
    for (int i = 0; i < 2; ++i) {
        CHECK(textsOf(log.all()) == Texts{"a", "b", "c", "d"});
        LogCursor cursor;
        CHECK(readAll(log.store(), cursor).size() == 4);
        CHECK(cursor.index == 4);
        CHECK(readOne(log.store(), cursor).count == 0);
        log->rest();
    }
}

TEST_CASE("a cursor that rests goes on where it was, within a batch too, from the files", "[log_cursor]") {
    FileLog log{test::filesOf(GENERATE(500u, 1u << 20))};
    Texts expected;
    for (int i = 0; i < 10; ++i) {
        expected.insert(expected.end(), {std::to_string(i), "b", "c"});
        log.publish({std::to_string(i), "b", "c"});
    }
    for (std::uint64_t before = 0; before <= expected.size(); ++before) {
        for (const bool memoryGoes : {false, true}) {
            CAPTURE(before, memoryGoes);
            LogCursor cursor;
            Texts texts = textsOf(readAll(log.store(), cursor, before));
            cursor.rest();
            CHECK_FALSE(cursor.extent);
            if (memoryGoes) log->rest();
            for (const std::string& text : textsOf(readAll(log.store(), cursor))) texts.push_back(text);
            REQUIRE(texts == expected);
            REQUIRE(cursor.index == expected.size());
        }
    }
}

TEST_CASE("a cursor at the end goes on with what comes, however the memory changes", "[log_cursor]") {
    FileLog log{test::filesOf(400)};
    LogCursor cursor = log->end();
    const auto seed = GENERATE(range(1u, 11u));
    std::mt19937 random{seed};
    for (int i = 0; i < 200; ++i) {
        switch (random() % 5) {
            case 0:
                log->rest();
                break;
            case 1:
                cursor.rest();
                break;
            case 2:
                log->beginFile();
                break;
            default:
                log.publish({std::to_string(i)});
                REQUIRE(textsOf(readAll(log.store(), cursor)) == Texts{std::to_string(i)});
        }
        REQUIRE(readOne(log.store(), cursor).count == 0);
        REQUIRE(cursor.index == log->end().index);
    }
}

TEST_CASE("a cursor ahead of damage goes to what is intact", "[log_cursor]") {
    FileLog log;
    std::vector<std::uint64_t> begins;
    for (int i = 0; i < 5; ++i) {
        begins.push_back(log->lastOffset());
        log.publish({std::to_string(i), std::to_string(i) + "+"});
    }
    LogCursor atBatch;
    LogCursor within;
    readAll(log.store(), atBatch, 2);
    readAll(log.store(), within, 3);
    atBatch.rest();
    within.rest();
    log->rest();
    const bool inHeader = GENERATE(true, false);
    for (const std::size_t batch : {1u, 2u})
        test::flipInFile(log.files().front(), begins[batch] + (inHeader ? 0 : kHeader));
    for (LogCursor* const cursor : {&atBatch, &within}) {
        const LogRun run = readOne(log.store(), *cursor);
        CHECK(decode(run.frames()).front().body == "3");
        CHECK(run.firstSeq == 106);
        CHECK(cursor->index == 8);
        CHECK(textsOf(readAll(log.store(), *cursor)) == Texts{"4", "4+"});
        CHECK(cursor->index == 10);
    }
}

TEST_CASE("a cursor within a last batch that gets damaged waits for the next one", "[log_cursor]") {
    FileLog log;
    log.publish({"a", "b", "c"});
    LogCursor cursor;
    readAll(log.store(), cursor, 1);
    cursor.rest();
    log->rest();
    test::flipInFile(log.files().front(), disk::kFirstBatch + kHeader);
    CHECK(readOne(log.store(), cursor).count == 0);
    CHECK(readOne(log.store(), cursor).count == 0);
    log.publish({"d"});
    CHECK(textsOf(readAll(log.store(), cursor)) == Texts{"d"});
    CHECK(cursor.index == 4);
}

TEST_CASE("a cursor stays where a file cannot be read, and goes on when it can", "[log_cursor]") {
    FileLog log;
    log.publish({"a", "b"});
    LogCursor cursor;
    readAll(log.store(), cursor, 1);
    cursor.rest();
    log->rest();
    const std::filesystem::path file = log.files().front();
    std::filesystem::rename(file, file.string() + ".away");
    const auto run = readRun(log.store(), cursor);
    REQUIRE_FALSE(run);
    CHECK(run.error().code == sdk::ErrorCode::kStorage);
    CHECK_FALSE(skip(log.store(), cursor, 1));
    CHECK(cursor.index == 1);
    std::filesystem::rename(file.string() + ".away", file);
    CHECK(textsOf(readAll(log.store(), cursor)) == Texts{"b"});
}

TEST_CASE("a copy of a message stands alone", "[log_cursor]") {
    const MemoryAccount account = test::newAccount();
    BatchPlace place;
    {
        FileLog log;
        log.publish({"other", "keep me"});
        LogCursor cursor;
        const LogRun run = readOne(log.store(), cursor);
        place = copyInMemory(101, {run.first.owner, frameAt(run.first.frame, 1)}, account);
    }
    CHECK(account->load() > 0);
    CHECK(account->load() < 300);
    CHECK(place.segment->holds() == 1);
    LogStore empty{account, test::ignoreReport};
    FrameFinder finder{empty};
    CHECK(test::messageAt(finder.find(place, 101).value()).body == "keep me");
    place = {};
    CHECK(account->load() == 0);
}

}  // namespace
}  // namespace nsq::storage
