#include "storage/import_journal.h"

#include <catch2/catch.hpp>
#include <map>

#include "storage/log_recovery.h"
#include "storage/state_journal.h"
#include "storage/topic_directory.h"
#include "unit/storage/stock_fixture.h"

namespace nsq::storage {
namespace {

namespace fs = std::filesystem;

using test::stockRecords;

/// A data directory with the topic t, whose log has two segments, and stock queues of it.
class Fixture : public test::StockDirectory {
public:
    Fixture() {
        fs::create_directories(topic());
        segment(10, 500);
        segment(20, 300);
        state(stateFile(topic()), {20, 300, 0, 40});
    }

    fs::path topic() const { return topicDirectory(path(), "t"); }
    ImportJournal journal() const { return ImportJournal{topic()}; }

    void segment(std::uint64_t firstSeq, std::size_t bytes) const {
        test::writeFile(segmentFile(topic(), firstSeq), sdk::asBytes(std::string(bytes, 'x')));
    }
    void state(const fs::path& file, const SavedCursor& end) const {
        TopicState content;
        content.nextSeq = end.index;
        content.end = end;
        REQUIRE(StateJournal(file, false).saveAll(content));
    }
    /// The number of messages that the state counts.
    std::uint64_t savedIndex() const {
        std::string warning;
        return StateJournal{stateFile(topic()), false}.read(warning).value()->end.index;
    }
    /// Names and sizes of what is there.
    std::map<std::string, std::uint64_t> topicFiles() const {
        std::map<std::string, std::uint64_t> files;
        for (const auto& entry : fs::directory_iterator{topic()})
            files[entry.path().filename()] = entry.path().filename() == "state" ? 0 : entry.file_size();
        return files;
    }
    /// What an import does to the topic before it is committed.
    void importSomething() const {
        TopicState before;
        before.nextSeq = before.end.index = 40;
        before.end = {20, 300, 0, 40};
        REQUIRE(journal().begin(before));
        segment(20, 700);
        segment(70, 800);
        segment(90, 12);
        state(stateFile(topic()), {90, 12, 0, 99});
    }
    bool recover() const {
        const auto undone = journal().recover(path());
        INFO((undone ? "" : undone.error().text));
        REQUIRE(undone);
        return undone.value();
    }
    void checkUndone() const {
        CHECK(topicFiles() == std::map<std::string, std::uint64_t>{{"00000000000000000010.log", 500},
                                                                   {"00000000000000000020.log", 300},
                                                                   {"state", 0}});
        CHECK(savedIndex() == 40);
    }
    void checkDone() const {
        CHECK(topicFiles() == std::map<std::string, std::uint64_t>{{"00000000000000000010.log", 500},
                                                                   {"00000000000000000020.log", 700},
                                                                   {"00000000000000000070.log", 800},
                                                                   {"00000000000000000090.log", 12},
                                                                   {"state", 0}});
        CHECK(savedIndex() == 99);
    }
    /// A topic's queue and a channel's, and another topic's that is not concerned.
    void stockQueues() const {
        data(0, stockRecords({"a", "b"}));
        data(1, stockRecords({"c"}));
        meta("3\n0,0\n1,31\n");
        put("t:c.diskqueue.000005.dat", stockRecords({"d"}));
        put("u.diskqueue.000000.dat", stockRecords({"e"}));
    }
    std::vector<StockRemoval> removals() const {
        std::vector<StockRemoval> removals;
        for (StockQueue& queue : list())
            if (queue.topic == "t") removals.push_back({std::move(queue), {}});
        return removals;
    }
    std::vector<std::string> queues() const {
        std::vector<std::string> names;
        for (const StockQueue& queue : list()) names.push_back(queue.name());
        return names;
    }
};

using Names = std::vector<std::string>;

TEST_CASE("nothing is recovered where nothing was imported", "[storage][import]") {
    const Fixture fixture;
    fixture.stockQueues();
    CHECK_FALSE(fixture.recover());
    fixture.checkUndone();
    CHECK(fixture.queues() == Names{"t", "t:c", "u"});
}

TEST_CASE("an import that was not committed is undone", "[storage][import]") {
    const Fixture fixture;
    fixture.stockQueues();
    fixture.importSomething();
    SECTION("as it was left") {}
    SECTION("before anything was appended") {
        fixture.segment(20, 300);
        fs::remove(segmentFile(fixture.topic(), 70));
        fs::remove(segmentFile(fixture.topic(), 90));
    }
    SECTION("again, after a part of the files was cut") {
        fs::remove(segmentFile(fixture.topic(), 70));
    }
    SECTION("again, after all was cut") {
        REQUIRE(cutLog(fixture.topic(), {20, 300, 0, 40}));
    }
    SECTION("without a state") {
        fs::remove(stateFile(fixture.topic()));
    }
    CHECK(fixture.recover());
    fixture.checkUndone();
    CHECK(fixture.queues() == Names{"t", "t:c", "u"});
    CHECK_FALSE(fixture.recover());
}

TEST_CASE("a log that had nothing yet, or lost its end, is cut as far as it is there", "[storage][import]") {
    const Fixture fixture;
    REQUIRE(cutLog(fixture.topic(), {20, 80, 0, 0}));
    CHECK(fixture.topicFiles().size() == 2);
    REQUIRE(cutLog(fixture.topic(), {15, 80, 0, 0}));
    CHECK(fixture.topicFiles().size() == 2);
    REQUIRE(cutLog(fixture.topic(), {10, 900, 0, 0}));
    CHECK(fixture.topicFiles().at("00000000000000000010.log") == 500);
    REQUIRE(cutLog(fixture.topic(), {0, 0, 0, 0}));
    CHECK(fixture.topicFiles().size() == 1);
}

TEST_CASE("without knowing where the import began nothing is touched", "[storage][import]") {
    const Fixture fixture;
    fixture.importSomething();
    const std::size_t size = GENERATE(0u, 100u);
    test::writeFile(importFile(fixture.topic()), sdk::asBytes(std::string(size, 'x')));
    const auto before = fixture.topicFiles();
    const auto undone = fixture.journal().recover(fixture.path());
    REQUIRE_FALSE(undone);
    CHECK_THAT(undone.error().text,
               Catch::Contains(importFile(fixture.topic()).string() + (size == 0 ? ": empty" : ": damaged")));
    CHECK(fixture.topicFiles() == before);
}

TEST_CASE("an import that was committed is finished, wherever that stops", "[storage][import]") {
    const Fixture fixture;
    fixture.stockQueues();
    fixture.importSomething();
    const auto removals = fixture.removals();
    REQUIRE(fixture.journal().commit(removals));
    const std::string empty = formatStockMeta(emptyStockMeta(2));
    SECTION("before anything was removed") {}
    SECTION("by finish()") {
        REQUIRE(fixture.journal().finish(fixture.path()));
        fixture.checkDone();
    }
    SECTION("when the first queue was declared empty") {
        fixture.meta(empty);
    }
    SECTION("when its last file was removed") {
        fixture.meta(empty);
        fs::remove(fixture / fixture.dataName(1));
    }
    SECTION("when the queues were removed") {
        REQUIRE(removeStockQueues(removals));
    }
    SECTION("when the other marker was removed") {
        REQUIRE(removeStockQueues(removals));
        fs::remove(importFile(fixture.topic()));
    }
    CHECK_FALSE(fixture.recover());
    fixture.checkDone();
    // What is left of a queue has nothing to read: it is removed as any drained one.
    for (const StockQueue& queue : fixture.list())
        CHECK(test::readQueue(queue).bodies == (queue.topic == "u" ? Names{"e"} : Names{}));
}

TEST_CASE("a queue that a stock nsqd has changed since is imported again", "[storage][import]") {
    const Fixture fixture;
    fixture.stockQueues();
    fixture.importSomething();
    REQUIRE(fixture.journal().commit(fixture.removals()));
    SECTION("it has written more") {
        fixture.data(1, stockRecords({"c", "new"}));
    }
    SECTION("it has begun another file") {
        fixture.data(2, stockRecords({"new"}));
    }
    SECTION("the line cannot be read") {
        std::string text = "t 1 x\nt:c 5 31\n";
        test::writeFile(importedFile(fixture.topic()), sdk::asBytes(text));
    }
    CHECK_FALSE(fixture.recover());
    fixture.checkDone();
    CHECK(fixture.queues() == Names{"t", "u"});
}

TEST_CASE("damaged files are set aside when the import is finished by a later start", "[storage][import]") {
    const Fixture fixture;
    fixture.stockQueues();
    fixture.importSomething();
    auto removals = fixture.removals();
    removals[0].setAside = {0, 1};
    REQUIRE(fixture.journal().commit(removals));
    CHECK_FALSE(fixture.recover());
    CHECK(fixture.read(fixture.dataName(0) + ".bad") == stockRecords({"a", "b"}));
    CHECK(fixture.has(fixture.dataName(1) + ".bad"));
    CHECK(fixture.queues() == Names{"u"});
}

TEST_CASE("without file descriptors a recovery fails and can be repeated", "[storage][import]") {
    const Fixture fixture;
    fixture.stockQueues();
    fixture.importSomething();
    const bool committed = GENERATE(false, true);
    if (committed) REQUIRE(fixture.journal().commit(fixture.removals()));
    const auto before = fixture.topicFiles();
    const auto undone =
        test::withoutFileDescriptors([&] { return fixture.journal().recover(fixture.path()); });
    REQUIRE_FALSE(undone);
    CHECK(fixture.topicFiles() == before);
    CHECK(fixture.queues() == Names{"t", "t:c", "u"});
    CHECK(fixture.recover() == !committed);
}

}  // namespace
}  // namespace nsq::storage
