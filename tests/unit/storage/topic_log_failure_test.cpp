// TopicLog when the disk refuses.

#include <catch2/catch.hpp>

#include <random>
#include <set>

#include "storage/batch.h"
#include "storage/topic_log.h"
#include "unit/storage/file_log.h"
#include "unit/storage/file_size_limit.h"

namespace nsq::storage {
namespace {

using test::append;
using test::FileLog;
using test::FileSizeLimit;
using test::filesOf;
using test::readAll;
using test::readOne;
using test::textsOf;

using Texts = std::vector<std::string>;

void commitFails(FileLog& log, rlim_t limit) {
    const FileSizeLimit full{limit};
    const auto committed = log->commit();
    REQUIRE_FALSE(committed);
    CHECK(committed.error().code == sdk::ErrorCode::kStorage);
    CHECK(log->committed() == log->appended());
}

/// What is in memory, in the files, and found by a later start, is `expected` without damage.
void checkAll(FileLog& log, const Texts& expected) {
    CHECK(textsOf(log.all()) == expected);
    log->rest();
    CHECK(textsOf(log.all()) == expected);
    log.restart();
    CHECK(textsOf(log.all()) == expected);
    LogCursor cursor;
    std::uint64_t index = 0;
    for (LogRun run = readOne(log.store(), cursor); run.count > 0; run = readOne(log.store(), cursor)) {
        index += run.count;
        CHECK(cursor.index == index);
    }
    CHECK(log->end().index == index);
    CHECK(log.store().damagedBatches() == 0);
}

TEST_CASE("of a failed turn nothing can be read, and the next one leaves no hole", "[topic_log_failure]") {
    FileLog log;
    const bool hadSome = GENERATE(true, false);
    const bool rested = GENERATE(true, false);
    if (hadSome) log.publish({"before"});
    if (rested) log->rest();
    Texts expected = hadSome ? Texts{"before"} : Texts{};
    LogCursor cursor = log->end();
    const std::uint64_t size = hadSome ? log->lastOffset() : 0;
    // Failures in each part of the header and the batch.
    for (const std::uint64_t more : {0u, 1u, 47u, 48u, 79u, 80u, 81u, 100u}) {
        CAPTURE(hadSome, rested, more);
        const std::uint64_t seq = log->nextSeq();
        append(*log, {"failed", std::string(100, 'f')});
        static_cast<void>(log->appendDeferred(test::asBodies({"failed later"}), 1, 2));
        commitFails(log, size + more);
        CHECK(log->nextSeq() > seq);
        CHECK(readOne(log.store(), cursor).count == 0);
        CHECK(textsOf(log.all()) == expected);
        CHECK(log->end().index == expected.size());
    }
    log.publish({"after"});
    expected.emplace_back("after");
    CHECK(textsOf(readAll(log.store(), cursor)) == Texts{"after"});
    checkAll(log, expected);
}

TEST_CASE("a turn of which some was written before it failed is gone", "[topic_log_failure]") {
    // Several blocks, each written by itself: the limit lets some of them through.
    const bool hadSome = GENERATE(true, false);
    const rlim_t limit = GENERATE(5'000u, 30'000u, 150'000u, 290'000u);
    CAPTURE(hadSome, limit);
    FileLog log;
    Texts expected;
    if (hadSome) {
        expected.emplace_back("before");
        log.publish(expected);
    }
    LogCursor cursor = log->end();
    for (int i = 0; i < 300; ++i) append(*log, {std::string(1000, 'f')});
    commitFails(log, limit);
    CHECK(readOne(log.store(), cursor).count == 0);
    log.publish({"after"});
    expected.emplace_back("after");
    CHECK(textsOf(readAll(log.store(), cursor)) == Texts{"after"});
    checkAll(log, expected);
}

TEST_CASE("a turn that fails in a later file leaves none of its files", "[topic_log_failure]") {
    const int before = GENERATE(0, 1, 2);
    FileLog log{filesOf(1000)};
    Texts expected;
    for (int i = 0; i < before; ++i) {
        expected.push_back(std::string(600, 'b'));
        log.publish({expected.back()});
    }
    const auto files = log.files();
    LogCursor cursor = log->end();
    // A directory has the name of the third file of the turn.
    const auto taken = segmentFile(log.path(), log->nextSeq() + 2);
    std::filesystem::create_directory(taken);
    for (int i = 0; i < 5; ++i) append(*log, {std::string(600, 'f')});
    REQUIRE_FALSE(log->commit());
    std::filesystem::remove(taken);
    CHECK(log.files() == files);
    CHECK(readOne(log.store(), cursor).count == 0);
    log.publish({"after"});
    log.publish({std::string(600, 'c')});
    expected.insert(expected.end(), {"after", std::string(600, 'c')});
    checkAll(log, expected);
}

TEST_CASE("a failed turn within a file that has been begun leaves what was in memory",
          "[topic_log_failure]") {
    LogConfig config;
    config.writeThrough = false;
    config.memoryMessages = 10;
    FileLog log{config};
    Texts expected;
    for (int i = 0; i < 12; ++i) {
        expected.push_back(std::to_string(i) + std::string(2000, 'x'));
        log.publish({expected.back()});
    }
    append(*log, Texts(10, std::string(2000, 'f')));
    commitFails(log, 100);
    CHECK(textsOf(log.all()) == expected);
    for (int i = 0; i < 12; ++i) {
        expected.push_back("later " + std::to_string(i));
        log.publish({expected.back()});
    }
    {
        const FileSizeLimit full{100};
        CHECK_FALSE(log->writeAll());
    }
    CHECK(textsOf(log.all()) == expected);
    REQUIRE(log->writeAll());
    checkAll(log, expected);
}

TEST_CASE("a failed turn gives its memory back", "[topic_log_failure]") {
    FileLog log;
    log.publish({"a"});
    const std::int64_t before = log.memory();
    for (int i = 0; i < 20; ++i) {
        append(*log, Texts(100, std::string(1000, 'f')));
        commitFails(log, 1000);
        CHECK(log.memory() == before);
    }
    // Nor does it count as memory that is to be trimmed.
    log.publish({"b"});
    CHECK_FALSE(log->trim());
}

TEST_CASE("any order of turns, failures, rests and new files gives what was committed",
          "[topic_log_failure]") {
    const auto seed = GENERATE(range(1u, 31u));
    CAPTURE(seed);
    std::mt19937 random{seed};
    LogConfig config = filesOf(random() % 2 == 0 ? 1 + random() % 3000 : 1 << 20);
    config.writeThrough = random() % 3 != 0;
    config.memoryMessages = random() % 50;
    FileLog log{config};
    struct Deferred {
        LogMessage message;
        std::string body;
    };
    std::vector<Deferred> deferred;
    Texts expected;
    LogCursor cursor;
    Texts got;
    const auto texts = [&] {
        Texts made(random() % 4 + 1);
        for (std::string& text : made)
            text.assign(random() % (random() % 20 == 0 ? 30'000 : 300),
                        static_cast<char>('a' + random() % 26));
        return made;
    };
    for (int step = 0; step < 400; ++step) {
        Texts turn;
        std::vector<Deferred> turnDeferred;
        for (std::uint32_t i = random() % 4; i > 0; --i) {
            const Texts made = texts();
            if (random() % 4 == 0) {
                std::size_t at = 0;
                for (LogMessage& stored : log->appendDeferred(test::asBodies(made), 1, 2))
                    turnDeferred.push_back({std::move(stored), made[at++]});
            } else {
                append(*log, made);
                turn.insert(turn.end(), made.begin(), made.end());
            }
        }
        bool committed = false;
        if (random() % 5 == 0) {
            const FileSizeLimit full{random() % 40'000};
            committed = static_cast<bool>(log->commit());
        } else {
            committed = static_cast<bool>(log->commit());
            REQUIRE(committed);
        }
        if (committed) {
            expected.insert(expected.end(), turn.begin(), turn.end());
            std::ranges::move(turnDeferred, std::back_inserter(deferred));
        }
        REQUIRE(log->end().index == expected.size());
        switch (random() % 6) {
            case 0:
                if (random() % 4 == 0) REQUIRE(log->writeAll());
                log->rest();
                break;
            case 1:
                log->trim();
                break;
            case 2:
                cursor.rest();
                break;
            case 3:
                if (log->writeAll()) log->beginFile();
                break;
            default:
                for (const std::string& text :
                     textsOf(readAll(log.store(), cursor, random() % 20, random() % 3 + 1)))
                    got.push_back(text);
        }
    }
    for (const std::string& text : textsOf(readAll(log.store(), cursor))) got.push_back(text);
    REQUIRE(got == expected);
    FrameFinder finder{log.store()};
    std::set<std::uint64_t> seqs;
    for (const Deferred& one : deferred) {
        const auto message = test::messageAt(finder.find(one.message.place, one.message.seq).value());
        REQUIRE(message.body == one.body);
        REQUIRE(seqs.insert(message.seq()).second);
    }
    REQUIRE(log->writeAll());
    for (const test::ReadMessage& message : log.all()) REQUIRE(seqs.insert(message.seq()).second);
    const std::size_t kept = deferred.size();
    deferred.clear();
    REQUIRE(log.restart().deferred.size() == kept);
    REQUIRE(textsOf(log.all()) == expected);
    REQUIRE(log.store().damagedBatches() == 0);
}

}  // namespace
}  // namespace nsq::storage
