// FrameFinder of log_cursor.h.

#include <catch2/catch.hpp>

#include <random>

#include "storage/batch.h"
#include "storage/log_cursor.h"
#include "unit/storage/file_log.h"

namespace nsq::storage {
namespace {

using test::append;
using test::FileLog;
using test::messageAt;
using test::readOne;

/// A message and where it is.
struct Known {
    std::uint64_t seq;
    BatchPlace place;
    std::string body;
};

/// Fills `log` with fresh, deferred and moved messages in batches of several sizes.
std::vector<Known> fill(FileLog& log, int turns) {
    std::vector<Known> known;
    const auto body = [&](std::uint64_t seq) { return std::string(seq % 50, 'x') + std::to_string(seq); };
    for (int turn = 0; turn < turns; ++turn) {
        std::vector<std::string> texts;
        for (int i = 0; i <= turn % 4; ++i)
            texts.push_back(body(log->nextSeq() + static_cast<std::uint64_t>(i)));
        if (turn % 3 == 1) {
            std::size_t i = 0;
            for (const LogMessage& stored : log->appendDeferred(test::asBodies(texts), 1, 9))
                known.push_back({stored.seq, stored.place, texts[i++]});
        } else {
            append(*log, texts);
        }
        if (turn % 5 == 4) {
            const auto seq = static_cast<std::uint64_t>(turn);
            known.push_back({seq, log->move(seq, test::makeFrame(seq, body(seq)), 1).place, body(seq)});
        }
        REQUIRE(log->commit());
    }
    LogCursor cursor;
    for (LogRun run = readOne(log.store(), cursor); run.count > 0; run = readOne(log.store(), cursor)) {
        for (const test::ReadMessage& message : test::decode(run.frames()))
            known.push_back({message.seq(), run.place, message.body});
    }
    return known;
}

void checkFound(FrameFinder& finder, const Known& message) {
    const auto found = finder.find(message.place, message.seq);
    REQUIRE(found);
    const test::ReadMessage read = messageAt(found.value());
    REQUIRE(read.seq() == message.seq);
    REQUIRE(read.body == message.body);
}

TEST_CASE("every message is found by its place, in any order, in memory and in files", "[frame_finder]") {
    FileLog log{test::filesOf(GENERATE(1u, 2000u, 1u << 20))};
    std::vector<Known> known = fill(log, 120);
    // Part of it in files only, the rest in memory; then all in files.
    if (GENERATE(true, false)) log->rest();
    if (GENERATE(true, false)) {
        for (const Known& more : fill(log, 10)) known.push_back(more);
    }
    const auto byPlace = [](const Known& a, const Known& b) {
        return std::pair{a.place.segment->firstSeq(), a.place.offset} <
               std::pair{b.place.segment->firstSeq(), b.place.offset};
    };
    std::ranges::stable_sort(known, byPlace);
    FrameFinder forward{log.store()};
    for (const Known& message : known) checkFound(forward, message);
    FrameFinder backward{log.store()};
    for (auto message = known.rbegin(); message != known.rend(); ++message) checkFound(backward, *message);
    std::shuffle(known.begin(), known.end(), std::mt19937{3});
    FrameFinder anywhere{log.store()};
    for (const Known& message : known) checkFound(anywhere, message);
}

TEST_CASE("messages of a batch are found from the first to the last and back", "[frame_finder]") {
    FileLog log;
    log.publish({"a", "bb", "ccc", "dddd"});
    if (GENERATE(true, false)) log->rest();
    LogCursor cursor;
    const BatchPlace place = readOne(log.store(), cursor).place;
    FrameFinder finder{log.store()};
    for (const std::uint64_t position : {0u, 3u, 1u, 1u, 2u, 0u, 3u, 3u}) {
        const auto found = finder.find(place, 100 + position);
        REQUIRE(found);
        CHECK(messageAt(found.value()).body == std::string(position + 1, "abcd"[position]));
    }
    for (const std::uint64_t seq : {0u, 99u, 104u}) CHECK(finder.find(place, seq).value().frame == nullptr);
    CHECK(messageAt(finder.find(place, 102).value()).body == "ccc");
}

TEST_CASE("what is damaged is not found, its neighbours are", "[frame_finder]") {
    FileLog log;
    const std::vector<Known> known = fill(log, 30);
    log->rest();
    const BatchPlace damaged = known[known.size() / 2].place;
    const bool inHeader = GENERATE(true, false);
    test::flipInFile(damaged.segment->path(), damaged.offset + (inHeader ? 1 : sizeof(disk::BatchHeader)));
    FrameFinder finder{log.store()};
    for (const Known& message : known) {
        if (message.place.offset == damaged.offset) {
            const auto found = finder.find(message.place, message.seq);
            REQUIRE(found);
            REQUIRE(found.value().frame == nullptr);
        } else {
            checkFound(finder, message);
        }
    }
    CHECK(log.store().damagedBatches() == 1);
}

TEST_CASE("a place where no batch begins is not taken for one", "[frame_finder]") {
    // As a saved place may be, after a log lost its end with the machine's power.
    FileLog log;
    log.publish({"a", "b"});
    const std::uint64_t second = log->lastOffset();
    disk::BatchHeader fake{};
    fake.magic = disk::kFreshBatch;
    fake.bytes = fake.count = 1000;
    fake.firstSeq = 100;
    const auto text = sdk::asText(std::as_bytes(std::span{&fake, 1}));
    log.publish({std::string{text} + "and more"});
    if (GENERATE(true, false)) log->rest();
    const SegmentPtr segment = log->lastSegment();
    FrameFinder finder{log.store()};
    for (const bool looked : {false, true}) {
        // With something of the same memory found before, and without.
        if (looked) REQUIRE(finder.find({SegmentHold{segment}, disk::kFirstBatch}, 100).value().frame);
        const auto inside = static_cast<std::uint32_t>(second + sizeof fake + sdk::frame::kBodyOffset);
        CHECK(finder.find({SegmentHold{segment}, inside}, 101).value().frame == nullptr);
        CHECK(finder.find({SegmentHold{segment}, 100'000}, 101).value().frame == nullptr);
    }
}

TEST_CASE("deferred messages of a log in memory are found, and keep no more than themselves",
          "[frame_finder]") {
    const MemoryAccount account = test::newAccount();
    auto store = std::make_shared<LogStore>(account, test::ignoreReport);
    std::vector<LogMessage> stored;
    {
        TopicLog log{1, {}, store};
        append(log, {std::string(200'000, 'x')});
        stored = log.appendDeferred(test::asBodies({"one", "", "three"}), 7, 99);
        append(log, {std::string(200'000, 'x')});
        REQUIRE(log.commit());
    }
    REQUIRE(stored.size() == 3);
    CHECK(account->load() > 0);
    CHECK(account->load() < 1500);
    FrameFinder finder{*store};
    const std::vector<std::string> expected{"one", "", "three"};
    for (std::size_t i = 0; i < 3; ++i) {
        const auto message = messageAt(finder.find(stored[i].place, stored[i].seq).value());
        CHECK(message.seq() == 2 + i);
        CHECK(message.timestampNs == 7);
        CHECK(message.body == expected[i]);
        CHECK(stored[i].place.segment->holds() == 1);
    }
    stored.clear();
    store->setMemory(nullptr);
    CHECK(account->load() == 0);
}

TEST_CASE("a file that cannot be read is an error, not a damaged message", "[frame_finder]") {
    FileLog log;
    const std::vector<Known> known = fill(log, 3);
    log->rest();
    const std::filesystem::path file = log.files().front();
    std::filesystem::rename(file, file.string() + ".away");
    FrameFinder finder{log.store()};
    const auto found = finder.find(known[0].place, known[0].seq);
    REQUIRE_FALSE(found);
    CHECK(found.error().code == sdk::ErrorCode::kStorage);
    std::filesystem::rename(file.string() + ".away", file);
    checkFound(finder, known[0]);
}

}  // namespace
}  // namespace nsq::storage
