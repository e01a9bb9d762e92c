#include "storage/topic_log.h"

#include <catch2/catch.hpp>

#include <random>

#include "storage/batch.h"
#include "unit/storage/file_log.h"

namespace nsq::storage {
namespace {

using test::append;
using test::asBodies;
using test::decode;
using test::FileLog;
using test::newAccount;
using test::readAll;
using test::ReadMessage;
using test::readOne;

/// As large as a topic's first block, and larger than its largest.
constexpr std::size_t kFirstBlock = 4096;
constexpr std::size_t kLargestBlock = 262144;

/// A log that never touches the disk.
struct MemoryLog {
    explicit MemoryLog(std::uint64_t firstSeq = 1, int nodeId = 0) : log{firstSeq, config(nodeId), store} {}

    static LogConfig config(int nodeId) {
        LogConfig config;
        config.nodeId = nodeId;
        return config;
    }

    const MemoryAccount account = newAccount();
    const std::shared_ptr<LogStore> store = std::make_shared<LogStore>(account, test::ignoreReport);
    TopicLog log;
};

TEST_CASE("a log keeps messages in wire format, numbered from the first sequence number", "[topic_log]") {
    LogConfig config;
    config.nodeId = 5;
    FileLog files{config, 100};
    MemoryLog memory{100, 5};
    const bool inFiles = GENERATE(true, false);
    TopicLog& log = inFiles ? *files : memory.log;
    LogCursor cursor = log.end();
    append(log, {"one", "", "three"}, 1234567890123456789);
    CHECK(log.nextSeq() == 103);
    CHECK(log.appended() == 3);
    CHECK(log.committed() == 0);
    CHECK(log.end().index == 0);
    CHECK(readOne(log.store(), cursor).count == 0);
    REQUIRE(log.commit());
    CHECK(log.committed() == 3);
    CHECK(log.end().index == 3);

    const LogRun run = readOne(log.store(), cursor);
    CHECK(run.count == 3);
    CHECK(run.firstSeq == 100);
    CHECK(run.bytes == 3 * sdk::frame::kBodyOffset + 8);
    const std::vector<ReadMessage> messages = decode(run.frames());
    REQUIRE(messages.size() == 3);
    CHECK(messages[0].body == "one");
    CHECK(messages[1].body.empty());
    CHECK(messages[2].body == "three");
    for (std::size_t i = 0; i < 3; ++i) {
        CHECK(messages[i].id == ((std::uint64_t{5} << TopicLog::kSeqBits) | (100 + i)));
        CHECK(messages[i].attempts == 1);
        CHECK(messages[i].timestampNs == 1234567890123456789);
    }
    CHECK(sdk::loadBig<std::int32_t>(run.first.frame + 4) == sdk::frame::kTypeMessage);
    CHECK(cursor.index == 3);
}

TEST_CASE("publishes of nothing leave nothing", "[topic_log]") {
    FileLog files;
    MemoryLog memory{100};
    const bool inFiles = GENERATE(true, false);
    TopicLog& log = inFiles ? *files : memory.log;
    LogCursor cursor = log.end();
    for (int i = 0; i < 3; ++i) {
        append(log, {});
        log.import({});
        CHECK(log.appendDeferred({}, 1, 2).empty());
        append(log, {std::to_string(i)});
        append(log, {});
        REQUIRE(log.commit());
        REQUIRE(log.commit());
    }
    CHECK(test::textsOf(readAll(log.store(), cursor)) == std::vector<std::string>{"0", "1", "2"});
    log.rest();
    cursor = {};
    if (inFiles) CHECK(readAll(log.store(), cursor).size() == 3);
}

TEST_CASE("what is not committed is not in the end", "[topic_log]") {
    FileLog files;
    MemoryLog memory{100};
    TopicLog& log = GENERATE(true, false) ? *files : memory.log;
    LogCursor cursor = log.end();
    append(log, {"a"});
    REQUIRE(log.commit());
    // Far into further blocks, uncommitted: the end stays where it is, and is good to read from later.
    for (int i = 0; i < 100; ++i) append(log, {std::string(1000, 'x')});
    LogCursor end = log.end();
    CHECK(end.index == 1);
    CHECK(readOne(log.store(), end).count == 0);
    REQUIRE(log.commit());
    CHECK(log.end().index == 101);
    CHECK(readAll(log.store(), cursor).size() == 101);
    const auto later = readAll(log.store(), end);
    CHECK(later.size() == 100);
    CHECK(later.front().seq() == 101);
    CHECK(later.back().seq() == 200);
}

TEST_CASE("messages cross block and file boundaries whatever their size", "[topic_log]") {
    constexpr std::size_t kOverhead = sizeof(disk::BatchHeader) + sdk::frame::kBodyOffset;
    // Bodies that just fit into the first block, that are a byte too large, and larger than any block.
    const std::size_t size =
        GENERATE(0u, 100u, std::size_t{kFirstBlock - kOverhead}, std::size_t{kFirstBlock - kOverhead + 1},
                 std::size_t{kLargestBlock}, std::size_t{3 * kLargestBlock + 7});
    const int perCommit = GENERATE(1, 2, 7);
    MemoryLog memory{100, 1};
    FileLog files{test::filesOf(kLargestBlock / 4)};
    const bool inFiles = GENERATE(true, false);
    TopicLog& log = inFiles ? *files : memory.log;
    const LogCursor begin = log.end();
    const std::size_t total = size > kFirstBlock ? 20 : 1000;
    const auto body = [&](std::size_t i) { return std::string(size, static_cast<char>('a' + i % 26)); };
    for (std::size_t i = 0; i < total; ++i) {
        append(log, {body(i)});
        if (static_cast<int>(i) % perCommit == 0) REQUIRE(log.commit());
    }
    REQUIRE(log.commit());
    for (int pass = 0; pass < (inFiles ? 2 : 1); ++pass) {
        LogCursor cursor = begin;
        const std::vector<ReadMessage> messages = readAll(log.store(), cursor);
        REQUIRE(messages.size() == total);
        for (std::size_t i = 0; i < total; ++i) {
            REQUIRE(messages[i].seq() == 100 + i);
            REQUIRE(messages[i].body == body(i));
        }
        CHECK(cursor.index == log.end().index);
        log.rest();
    }
}

TEST_CASE("deferred messages take numbers but no place in the log", "[topic_log]") {
    MemoryLog memory{100};
    FileLog files{test::filesOf(GENERATE(1u, 1u << 20))};
    TopicLog& log = GENERATE(true, false) ? *files : memory.log;
    LogCursor cursor = log.end();
    append(log, {"a"});
    const std::vector<std::string> bodies{"x", std::string(2 * kFirstBlock, 'L'), "z"};
    const std::vector<LogMessage> stored = log.appendDeferred(asBodies(bodies), 99, 1234);
    append(log, {"b"});
    REQUIRE(log.commit());

    REQUIRE(stored.size() == 3);
    CHECK(log.committed() == 5);
    FrameFinder finder{log.store()};
    for (std::size_t i = 0; i < 3; ++i) {
        CHECK(stored[i].seq == 101 + i);
        const auto message = test::messageAt(finder.find(stored[i].place, stored[i].seq).value());
        CHECK(message.seq() == 101 + i);
        CHECK(message.timestampNs == 99);
        CHECK(message.attempts == 1);
        CHECK(message.body == bodies[i]);
    }
    CHECK(log.end().index == 2);
    const auto read = readAll(log.store(), cursor);
    REQUIRE(read.size() == 2);
    CHECK(read[0].seq() == 100);
    CHECK(read[1].seq() == 104);
}

TEST_CASE("imported messages keep their timestamps and attempts", "[topic_log]") {
    FileLog log;
    const std::vector<TopicLog::Imported> messages{
        {5, 0, sdk::asBytes("a")}, {-7, 3, sdk::asBytes("")}, {9, UINT16_MAX, sdk::asBytes("c")}};
    log->import(messages);
    REQUIRE(log->commit());
    const auto read = log.all();
    REQUIRE(read.size() == 3);
    CHECK(test::textsOf(read) == std::vector<std::string>{"a", "", "c"});
    CHECK(read[0].attempts == 1);
    CHECK(read[1].attempts == 4);
    CHECK(read[2].attempts == UINT16_MAX);
    CHECK(read[0].timestampNs == 5);
    CHECK(read[1].timestampNs == -7);
    CHECK(read[2].seq() == 102);
}

TEST_CASE("numbers leave out some, but never go back", "[topic_log]") {
    FileLog log;
    log.publish({"a"});
    log->skipTo(1000);
    log->skipTo(10);
    append(*log, {"b"});
    log->skipTo(2000);
    log.publish({"c"});
    const auto read = log.all();
    REQUIRE(read.size() == 3);
    CHECK(read[0].seq() == 100);
    CHECK(read[1].seq() == 1000);
    CHECK(read[2].seq() == 2000);
    CHECK(log->end().index == 3);
}

TEST_CASE("memory goes when the last cursor has passed it", "[topic_log]") {
    MemoryAccount account;
    {
        MemoryLog memory;
        account = memory.account;
        LogStore& store = *memory.store;
        LogCursor slow = memory.log.end();
        LogCursor fast = memory.log.end();
        for (int i = 0; i < 20'000; ++i) append(memory.log, {std::string(200, 'x')});
        REQUIRE(memory.log.commit());
        const std::int64_t full = account->load();
        CHECK(full > 20'000 * 200);
        REQUIRE(skip(store, fast, 20'000));
        CHECK(account->load() == full);
        REQUIRE(skip(store, slow, 10'000));
        CHECK(account->load() < full * 6 / 10);
        CHECK(account->load() > full * 4 / 10);
        LogRun held = readOne(store, slow, {.messages = 1});
        REQUIRE(skip(store, slow, 9'999));
        // One block is the log's own, and one is held by the message in hand.
        CHECK(account->load() <= 2 * static_cast<std::int64_t>(kLargestBlock + 100));
        CHECK(decode(held.frames()).front().body == std::string(200, 'x'));
        held = {};
        CHECK(account->load() <= static_cast<std::int64_t>(kLargestBlock + 100));
    }
    CHECK(account->load() == 0);
}

TEST_CASE("a chain of a million blocks goes without recursion", "[topic_log]") {
    const MemoryAccount account = newAccount();
    const auto make = [&] { return ExtentPtr{new Extent(nullptr, 0, Block::create(16, account))}; };
    ExtentPtr first = make();
    {
        ExtentPtr last = first;
        for (int i = 0; i < 1'000'000; ++i) {
            ExtentPtr next = make();
            intrusive_ptr_add_ref(next.get());
            last->next.store(next.get());
            last = std::move(next);
        }
    }
    CHECK(account->load() > 16'000'000);
    first.reset();
    CHECK(account->load() == 0);
}

}  // namespace
}  // namespace nsq::storage
