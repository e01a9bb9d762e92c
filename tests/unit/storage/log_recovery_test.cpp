#include "storage/log_recovery.h"

#include <catch2/catch.hpp>

#include <random>
#include <set>

#include "storage/batch.h"
#include "unit/storage/file_log.h"

namespace nsq::storage {
namespace {

using disk::kFirstBatch;
using test::append;
using test::ByteVector;
using test::FileLog;
using test::filesOf;
using test::readAll;
using test::textsOf;

using Texts = std::vector<std::string>;

constexpr std::size_t kHeader = sizeof(disk::BatchHeader);

/// Publishes three messages after a recovery: they can be read, now and by a next start.
void checkGoesOn(FileLog& log, Texts expected) {
    LogCursor cursor = log->end();
    const std::uint64_t before = cursor.index;
    log.publish({"new 1", "new 2"});
    log.publish({"new 3"});
    REQUIRE(textsOf(readAll(log.store(), cursor)) == Texts{"new 1", "new 2", "new 3"});
    REQUIRE(cursor.index == before + 3);
    expected.insert(expected.end(), {"new 1", "new 2", "new 3"});
    REQUIRE(textsOf(log.all()) == expected);
    const RecoveredLog found = log.restart();
    REQUIRE(textsOf(log.all()) == expected);
    REQUIRE(found.end.index == before + 3);
}

TEST_CASE("a log that was closed well goes on where it was", "[log_recovery]") {
    FileLog log{filesOf(GENERATE(1u, 500u, 1u << 20))};
    Texts expected;
    for (int run = 0; run < 4; ++run) {
        const std::uint64_t before = log->nextSeq();
        const RecoveredLog found = log.restart();
        CHECK(found.end.index == expected.size());
        CHECK(found.nextSeq <= before);
        CHECK(found.deferred.empty());
        CHECK(found.moved.empty());
        CHECK(log->end().index == expected.size());
        CHECK(log.takeReports().empty());
        for (int i = 0; i < 5; ++i) {
            expected.push_back(std::to_string(run) + " " + std::to_string(i));
            log.publish({expected.back()});
        }
        CHECK(textsOf(log.all()) == expected);
    }
    std::set<std::uint64_t> seqs;
    for (const test::ReadMessage& message : log.all()) CHECK(seqs.insert(message.seq()).second);
}

TEST_CASE("nothing is found where nothing is", "[log_recovery]") {
    LogStore store{test::newAccount(), test::ignoreReport};
    const test::TemporaryDirectory directory;
    for (const auto& path : {directory.path(), directory / "missing"}) {
        const auto found = recoverLog(path, nullptr, store);
        REQUIRE(found);
        CHECK_FALSE(found.value().end.segment);
        CHECK(found.value().end.index == 0);
        CHECK(store.segments().empty());
    }
    test::writeFile(directory / "notes.txt", sdk::asBytes("not ours"));
    test::writeFile(directory / "x1.log", sdk::asBytes("not ours"));
    test::writeFile(directory / "1x.log", sdk::asBytes("not ours"));
    std::filesystem::create_directory(directory / "sub");
    CHECK(recoverLog(directory.path(), nullptr, store));
    CHECK(store.segments().empty());
    CHECK(std::filesystem::exists(directory / "x1.log"));
}

TEST_CASE("copies of a file under other numbers are left alone, and told of", "[log_recovery]") {
    FileLog log;
    log.publish({"a", "b"});
    const auto file = log.files().front();
    log.close();
    for (const char* name : {"100.log", "000000000000000000100.log", "18446744073709551615.log"})
        std::filesystem::copy_file(file, file.parent_path() / name);
    const RecoveredLog found = log.reopen();
    CHECK(found.end.index == 2);
    CHECK(found.nextSeq == 102);
    CHECK(textsOf(log.all()) == Texts{"a", "b"});
    const auto reports = log.takeReports();
    REQUIRE(reports.size() == 3);
    for (const std::string& report : reports) CHECK_THAT(report, Catch::Contains(".log: left alone"));
}

TEST_CASE("a cursor of an older state finds nothing left to read in the last file", "[log_recovery]") {
    FileLog log;
    log.publish({"a", "b"});
    LogCursor cursor;
    readAll(log.store(), cursor, 1);
    const SavedCursor old = toSaved(cursor);
    for (int i = 0; i < 3; ++i) log.publish({"c"});
    const TopicState last = log.state();
    const auto file = log.files().front();
    log.close();
    // What was finished is gone, and the log went on in a file without a fresh message.
    std::filesystem::remove(file);
    log.reopen(&last);
    static_cast<void>(log->appendDeferred(test::asBodies({"deferred"}), 1, 2));
    REQUIRE(log->commit());
    const auto found = toCursor(log.store(), log.store().segments(), old, log->end().index);
    REQUIRE(found);
    CHECK(found.value().index == 5);
}

TEST_CASE("a tail torn at any byte is cut, and the log goes on from there", "[log_recovery]") {
    const std::size_t before = GENERATE(0u, 2u);
    FileLog whole;
    Texts expected;
    for (std::size_t i = 0; i < before; ++i) {
        expected.push_back(std::to_string(i));
        whole.publish({expected.back()});
    }
    const std::uint64_t last = whole->lastOffset();
    whole.publish({"torn", "off"});
    const ByteVector bytes = whole.bytesOf(whole.files().front());
    REQUIRE(bytes.size() == whole->lastOffset());
    for (std::size_t size = before > 0 ? last : 0; size < bytes.size(); ++size) {
        CAPTURE(before, size);
        FileLog log;
        log.close();
        test::writeFile(segmentFile(log.path(), 100), sdk::Bytes{bytes}.first(size));
        const RecoveredLog found = log.reopen();
        REQUIRE(found.end.index == before);
        REQUIRE(textsOf(log.all()) == expected);
        REQUIRE(log.store().damagedBatches() == (size > last ? 1 : 0));
        // Less than a header is told as well, and removed.
        REQUIRE(log.takeReports().size() == (size > last || before == 0 ? 1 : 0));
        checkGoesOn(log, expected);
        REQUIRE(log.store().damagedBatches() == 0);
    }
}

TEST_CASE("one flipped byte costs one batch at most, and is told", "[log_recovery]") {
    FileLog whole;
    std::vector<std::uint64_t> begins;
    std::vector<Texts> batches;
    for (std::size_t i = 0; i < 4; ++i) {
        begins.push_back(whole->lastOffset());
        batches.push_back(Texts(i % 2 + 1, std::to_string(i)));
        whole.publish(batches.back());
    }
    const ByteVector bytes = whole.bytesOf(whole.files().front());
    for (std::size_t at = 0; at < bytes.size(); ++at) {
        for (const std::byte mask : {std::byte{0x01}, std::byte{0x80}, std::byte{0xff}}) {
            CAPTURE(at, std::to_integer<int>(mask));
            FileLog log;
            log.close();
            ByteVector damaged = bytes;
            test::flip(damaged, at, mask);
            test::writeFile(segmentFile(log.path(), 100), damaged);
            log.reopen();
            Texts expected;
            for (std::size_t i = 0; i < batches.size(); ++i) {
                const std::uint64_t end = i + 1 < begins.size() ? begins[i + 1] : bytes.size();
                if (at >= begins[i] && at < end) continue;
                expected.insert(expected.end(), batches[i].begin(), batches[i].end());
            }
            REQUIRE(log.store().damagedBatches() == (at < kFirstBatch ? 0 : 1));
            REQUIRE(textsOf(log.all()) == expected);
            checkGoesOn(log, expected);
        }
    }
}

TEST_CASE("a file with both headers damaged costs that file, and the others go on", "[log_recovery]") {
    FileLog log{filesOf(1)};
    for (const char* text : {"a", "b", "c"}) log.publish({text});
    const std::size_t damaged = GENERATE(0u, 1u, 2u);
    const auto file = log.files()[damaged];
    const ByteVector bytes = log.bytesOf(file);
    log.close();
    test::flipInFile(file, 3);
    test::flipInFile(file, kFirstBatch / 2 + 3);
    log.reopen();
    Texts expected{"a", "b", "c"};
    expected.erase(expected.begin() + static_cast<std::ptrdiff_t>(damaged));
    CHECK(textsOf(log.all()) == expected);
    CHECK(log.store().damagedBatches() == 1);
    const ByteVector aside = log.bytesOf(file.string() + "." + std::to_string(kFirstBatch) + ".bad");
    CHECK(std::ranges::equal(aside, sdk::Bytes{bytes}.subspan(kFirstBatch)));
    checkGoesOn(log, expected);
}

TEST_CASE("files of another version are not touched", "[log_recovery]") {
    FileLog log;
    log.publish({"a"});
    ByteVector bytes = log.bytesOf(log.files().front());
    log.close();
    for (std::size_t copy = 0; copy < 2; ++copy) {
        disk::SegmentHeader header;
        std::byte* const at = bytes.data() + copy * sizeof header;
        std::memcpy(&header, at, sizeof header);
        ++header.version;
        header.crc = crc32c(std::as_bytes(std::span{&header, 1}).first(offsetof(disk::SegmentHeader, crc)));
        std::memcpy(at, &header, sizeof header);
    }
    test::writeFile(segmentFile(log.path(), 100), bytes);
    LogStore store{test::newAccount(), test::ignoreReport};
    const auto found = recoverLog(log.path(), nullptr, store);
    REQUIRE_FALSE(found);
    CHECK(found.error().text.find("format version") != std::string::npos);
    CHECK(log.bytesOf(segmentFile(log.path(), 100)) == bytes);
}

TEST_CASE("deferred messages are found only when they came after the saved state", "[log_recovery]") {
    FileLog log{filesOf(GENERATE(1u, 400u, 1u << 20))};
    const auto defer = [&](const Texts& texts, std::int64_t due) {
        const auto stored = log->appendDeferred(test::asBodies(texts), 1, due);
        REQUIRE(log->commit());
        return stored.front().seq;
    };
    log.publish({"a"});
    const std::uint64_t first = defer({"early"}, 500);
    const TopicState state = log.state();
    log.publish({"b"});
    const std::uint64_t second = defer({"late", "too"}, 600);
    log.publish({"c"});
    const bool hasState = GENERATE(true, false);
    const RecoveredLog found = log.restart(hasState ? &state : nullptr);
    std::vector<std::uint64_t> seqs;
    std::vector<std::int64_t> dues;
    Texts bodies;
    FrameFinder finder{log.store()};
    for (const FoundMessage& message : found.deferred) {
        seqs.push_back(message.seq);
        dues.push_back(message.dueNs);
        bodies.push_back(test::messageAt(finder.find(message.place, message.seq).value()).body);
    }
    if (hasState) {
        CHECK(seqs == std::vector<std::uint64_t>{second, second + 1});
        CHECK(dues == std::vector<std::int64_t>{600, 600});
        CHECK(bodies == Texts{"late", "too"});
    } else {
        CHECK(seqs == std::vector<std::uint64_t>{first, second, second + 1});
        CHECK(dues == std::vector<std::int64_t>{500, 600, 600});
        CHECK(bodies == Texts{"early", "late", "too"});
    }
    CHECK(found.end.index == 3);
    CHECK(found.nextSeq >= second + 3);
    checkGoesOn(log, {"a", "b", "c"});
}

TEST_CASE("of a moved message the last copy is found", "[log_recovery]") {
    FileLog log{filesOf(GENERATE(1u, 1u << 20))};
    const auto move = [&](std::uint64_t seq, const std::string& body, std::int64_t due) {
        return log->move(seq, test::makeFrame(seq, body), due).place.offset;
    };
    log.publish({"a"});
    move(7, "seven", 1);
    move(8, "eight", 2);
    REQUIRE(log->commit());
    log.publish({"b"});
    const std::uint32_t last = move(7, "seven", 3);
    REQUIRE(log->commit());
    const RecoveredLog found = log.restart();
    REQUIRE(found.moved.size() == 2);
    CHECK(found.moved.at(7).place.offset == last);
    CHECK(found.moved.at(7).dueNs == 3);
    CHECK(found.moved.at(8).dueNs == 2);
    FrameFinder finder{log.store()};
    CHECK(test::messageAt(finder.find(found.moved.at(8).place, 8).value()).body == "eight");
    CHECK(found.deferred.empty());
    checkGoesOn(log, {"a", "b"});
}

TEST_CASE("a log shorter than its saved state goes on in a new file", "[log_recovery]") {
    // The power went: the state has reached the disk, the end of the log has not.
    const bool isOneFile = GENERATE(true, false);
    FileLog log{filesOf(isOneFile ? 1 << 20 : 500)};
    Texts expected;
    for (int i = 0; i < 5; ++i) {
        expected.push_back("kept " + std::to_string(i));
        log.publish({expected.back()});
    }
    const auto kept = log.files().back();
    const std::uint64_t size = log->lastOffset();
    const std::uint64_t torn = GENERATE(0u, 10u, 60u);
    for (int i = 0; i < 5; ++i) log.publish({"lost"});
    const TopicState state = log.state();
    log.close();
    for (const auto& file : log.files()) {
        if (file > kept) std::filesystem::remove(file);
    }
    std::filesystem::resize_file(kept, size + torn);
    const std::size_t files = log.files().size();

    log.reopen(&state);
    const std::vector<std::string> reports = log.takeReports();
    CHECK(reports.size() == (isOneFile ? 1 : 0));
    if (isOneFile) CHECK(reports.front().find("bytes are missing at its end") != std::string::npos);
    CHECK(textsOf(log.all()) == expected);
    // A place of the lost messages never is a place of new ones.
    CHECK(log->end().index == state.end.index);
    log.publish({"new"});
    expected.emplace_back("new");
    CHECK(log.files().size() == files + 1);
    CHECK(textsOf(log.all()) == expected);
    // A second crash before the state was saved again: what came meanwhile is found.
    static_cast<void>(log->appendDeferred(test::asBodies({"later"}), 1, 2));
    REQUIRE(log->commit());
    const RecoveredLog found = log.restart(&state);
    CHECK(found.deferred.size() == 1);
    CHECK(found.end.index == state.end.index + 1);
    CHECK(textsOf(log.all()) == expected);
}

TEST_CASE("a cursor is saved and found again, wherever it is", "[log_recovery]") {
    FileLog log{filesOf(GENERATE(1u, 500u, 1u << 20))};
    Texts expected;
    for (int i = 0; i < 8; ++i) {
        const Texts texts{std::to_string(i), "b", "c"};
        expected.insert(expected.end(), texts.begin(), texts.end());
        static_cast<void>(log->appendDeferred(test::asBodies({"deferred"}), 1, 2));
        log.publish(texts);
    }
    std::vector<SavedCursor> saved;
    for (std::size_t before = 0; before <= expected.size(); ++before) {
        LogCursor cursor;
        readAll(log.store(), cursor, before);
        saved.push_back(toSaved(cursor));
        CHECK(saved.back().index == before);
    }
    log.restart();
    const auto segments = log.store().segments();
    for (std::size_t before = 0; before < saved.size(); ++before) {
        CAPTURE(before);
        auto cursor = toCursor(log.store(), segments, saved[before], log->end().index);
        REQUIRE(cursor);
        CHECK(cursor.value().index == before);
        if (before > 0) CHECK(toSaved(cursor.value()) == saved[before]);
        const Texts rest{expected.begin() + static_cast<std::ptrdiff_t>(before), expected.end()};
        CHECK(textsOf(readAll(log.store(), cursor.value())) == rest);
    }
}

TEST_CASE("a cursor whose segment is gone goes to the next one, or behind the last", "[log_recovery]") {
    FileLog log{filesOf(1)};
    for (const char* text : {"a", "b", "c"}) log.publish({text, text});
    LogCursor cursor;
    readAll(log.store(), cursor, 3);
    const SavedCursor within = toSaved(cursor);
    const SavedCursor end = toSaved(log->end());
    const auto files = log.files();
    log.close();
    std::filesystem::remove(files[1]);
    log.reopen();
    const auto segments = log.store().segments();
    auto next = toCursor(log.store(), segments, within, log->end().index);
    REQUIRE(next);
    CHECK(next.value().index == 4);
    CHECK(textsOf(readAll(log.store(), next.value())) == Texts{"c", "c"});
    SavedCursor beyond = end;
    beyond.segment += 1000;
    beyond.offset = 12345;
    beyond.index = 2;  // of an older state: what it spoke of was finished since, and is gone
    auto last = toCursor(log.store(), segments, beyond, log->end().index);
    REQUIRE(last);
    CHECK(last.value().index == 6);
    CHECK(readAll(log.store(), last.value()).empty());
    log.publish({"d"});
    CHECK(textsOf(readAll(log.store(), last.value())) == Texts{"d"});
    CHECK(last.value().index == 7);
}

TEST_CASE("a saved cursor ahead of damage goes to what is intact", "[log_recovery]") {
    FileLog log;
    std::vector<std::uint64_t> begins;
    for (int i = 0; i < 4; ++i) {
        begins.push_back(log->lastOffset());
        log.publish({std::to_string(i), "+"});
    }
    LogCursor cursor;
    const std::size_t before = GENERATE(2u, 3u);
    readAll(log.store(), cursor, before);
    const SavedCursor saved = toSaved(cursor);
    const auto file = log.files().front();
    log.close();
    test::flipInFile(file, begins[1] + GENERATE(0u, 48u));
    log.reopen();
    auto found = toCursor(log.store(), log.store().segments(), saved, log->end().index);
    REQUIRE(found);
    CHECK(textsOf(readAll(log.store(), found.value())) == Texts{"2", "+", "3", "+"});
    CHECK(found.value().index == 8);
}

TEST_CASE("a saved end within a file's header is no reason to cut the header off", "[log_recovery]") {
    FileLog log;
    log.publish({"a"});
    TopicState state = log.state();
    state.end.offset = kFirstBatch - 1;
    const auto file = log.files().front();
    log.close();
    test::flipInFile(file, kFirstBatch);
    log.reopen(&state);
    CHECK(std::filesystem::file_size(file) == kFirstBatch);
    checkGoesOn(log, {});
}

TEST_CASE("any damage at all to a log costs no intact batch, and never a crash", "[log_recovery]") {
    const auto seed = GENERATE(range(1u, 41u));
    CAPTURE(seed);
    std::mt19937 random{seed};
    FileLog log{filesOf(random() % 2 == 0 ? 700 : 1 << 20)};
    struct Batch {
        std::filesystem::path file;
        std::uint64_t begin;
        std::uint64_t end;
        Texts texts;
    };
    std::vector<Batch> batches;
    for (int i = 0; i < 20; ++i) {
        const Texts texts(random() % 3 + 1, std::to_string(i) + std::string(random() % 60, 'x'));
        log.publish(texts);
        std::uint64_t bytes = kHeader;
        for (const std::string& text : texts) bytes += sdk::frame::kBodyOffset + text.size();
        batches.push_back({log->lastSegment()->path(), log->lastOffset() - bytes, log->lastOffset(), texts});
    }
    log.close();
    for (std::uint32_t hits = random() % 6 + 1; hits > 0; --hits) {
        Batch& hit = batches[random() % batches.size()];
        if (hit.texts.empty()) continue;
        hit.texts.clear();
        for (std::uint32_t flips = random() % 8 + 1; flips > 0; --flips)
            test::flipInFile(hit.file, hit.begin + random() % (hit.end - hit.begin),
                             static_cast<std::byte>(1 + random() % 255));
    }
    log.reopen();
    Texts expected;
    for (const Batch& batch : batches)
        expected.insert(expected.end(), batch.texts.begin(), batch.texts.end());
    REQUIRE(textsOf(log.all()) == expected);
    checkGoesOn(log, expected);
}

}  // namespace
}  // namespace nsq::storage
