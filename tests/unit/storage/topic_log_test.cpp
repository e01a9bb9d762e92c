#include "storage/topic_log.h"

#include <catch2/catch.hpp>

#include <cstring>
#include <map>
#include <random>

#include "storage/disk_format.h"
#include "unit/storage/log_messages.h"

namespace nsq::storage {
namespace {

using test::append;
using test::decode;
using test::newAccount;
using test::readAll;
using test::ReadMessage;

/// As large as a topic's first block, and larger than its largest.
constexpr std::size_t kFirstBlock = 4096;
constexpr std::size_t kLargestBlock = 262144;

TEST_CASE("a log keeps messages in wire format, numbered from the first sequence number", "[topic_log]") {
    TopicLog log{100, 5, newAccount()};
    LogCursor cursor = log.end();
    append(log, {"one", "", "three"}, 1234567890123456789);
    CHECK(log.nextSeq() == 103);
    CHECK(log.end().index == 0);
    REQUIRE(log.commit());
    CHECK(log.end().index == 3);

    const LogRun run = readRun(cursor, 10, SIZE_MAX);
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

TEST_CASE("a commit says whether there was anything", "[topic_log]") {
    TopicLog log{1, 0, newAccount()};
    CHECK_FALSE(log.commit());
    append(log, {"a"});
    CHECK(log.commit());
    CHECK_FALSE(log.commit());
}

TEST_CASE("what is not committed is not in the end", "[topic_log]") {
    TopicLog log{1, 0, newAccount()};
    LogCursor cursor = log.end();
    append(log, {"a"});
    log.commit();
    // Far into further blocks, uncommitted: the end stays where it is, and is good to read from later.
    for (int i = 0; i < 100; ++i) append(log, {std::string(1000, 'x')});
    LogCursor end = log.end();
    CHECK(end.index == 1);
    log.commit();
    CHECK(log.end().index == 101);
    CHECK(readAll(cursor, 101).size() == 101);
    const auto later = readAll(end, 100);
    CHECK(later.front().seq() == 2);
    CHECK(later.back().seq() == 101);
}

TEST_CASE("messages cross block boundaries whatever their size", "[topic_log]") {
    const std::size_t header = sizeof(disk::BatchHeader) + sdk::frame::kBodyOffset;
    // Bodies that just fit into the first block, that are a byte too large, and larger than any block.
    const auto size = GENERATE_COPY(std::size_t{0}, std::size_t{100}, kFirstBlock - header,
                                    kFirstBlock - header + 1, kLargestBlock, 3 * kLargestBlock + 7);
    const auto perCommit = GENERATE(1, 2, 7);
    TopicLog log{7, 1, newAccount()};
    LogCursor cursor = log.end();
    const int total = size > kFirstBlock ? 20 : 3000;
    for (int i = 0; i < total; ++i) {
        append(log, {std::string(size, static_cast<char>('a' + i % 26))});
        if (i % perCommit == 0) log.commit();
    }
    log.commit();
    const std::vector<ReadMessage> messages = readAll(cursor, static_cast<std::uint64_t>(total));
    for (int i = 0; i < total; ++i) {
        const ReadMessage& message = messages[static_cast<std::size_t>(i)];
        REQUIRE(message.seq() == 7 + static_cast<std::uint64_t>(i));
        REQUIRE(message.body == std::string(size, static_cast<char>('a' + i % 26)));
    }
    CHECK(cursor.index == log.end().index);
}

TEST_CASE("a run ends at the message limit, at the byte limit, and has one message at least", "[topic_log]") {
    TopicLog log{1, 0, newAccount()};
    LogCursor cursor = log.end();
    append(log, {"aaaaaa", "bbbbbb", "cccccc", "dddddd", "eeeeee"});
    log.commit();
    const std::size_t frame = sdk::frame::kBodyOffset + 6;
    CHECK(readRun(cursor, 1, SIZE_MAX).count == 1);
    CHECK(cursor.batchLeft == 4);
    LogCursor copy = cursor;
    CHECK(readRun(copy, 10, 1).count == 1);
    copy = cursor;
    CHECK(readRun(copy, 10, 2 * frame - 1).count == 1);
    copy = cursor;
    CHECK(readRun(copy, 10, 2 * frame).count == 2);
    copy = cursor;
    const LogRun rest = readRun(copy, 10, 4 * frame);
    CHECK(rest.count == 4);
    CHECK(rest.firstSeq == 2);
    CHECK(copy.batchLeft == 0);
    CHECK(frameAt(rest.first.frame, 3) == rest.first.frame + 3 * frame);
    CHECK(frameSize(rest.first.frame) == frame);
}

TEST_CASE("a run never goes over the end of a batch", "[topic_log]") {
    TopicLog log{1, 0, newAccount()};
    LogCursor cursor = log.end();
    append(log, {"a", "b"});
    append(log, {"c"});  // the same turn: the same batch
    log.commit();
    append(log, {"d"});
    log.commit();
    CHECK(readRun(cursor, 100, SIZE_MAX).count == 3);
    CHECK(readRun(cursor, 100, SIZE_MAX).count == 1);
}

TEST_CASE("skipping is reading without looking", "[topic_log]") {
    TopicLog log{1, 0, newAccount()};
    const LogCursor begin = log.end();
    std::mt19937 random{11};
    for (int i = 0; i < 500; ++i) {
        append(log, std::vector<std::string>(random() % 4 + 1, std::string(random() % 300, 'x')));
        if (random() % 3 == 0) log.commit();
    }
    log.commit();
    const std::uint64_t total = log.end().index;
    for (std::uint64_t count = 0; count < total; count += 97) {
        LogCursor cursor = begin;
        skip(cursor, count);
        REQUIRE(cursor.index == count);
        REQUIRE(readRun(cursor, 1, SIZE_MAX).firstSeq == 1 + count);
    }
}

TEST_CASE("stored messages take numbers but no place in the log", "[topic_log]") {
    TopicLog log{10, 3, newAccount()};
    LogCursor cursor = log.end();
    append(log, {"a"});
    const std::string large(2 * kFirstBlock, 'L');
    const std::vector<sdk::Bytes> bodies{sdk::asBytes("x"), sdk::asBytes(large), sdk::asBytes("z")};
    const std::vector<LogMessage> stored = log.store(bodies, 99);
    append(log, {"b"});
    log.commit();

    REQUIRE(stored.size() == 3);
    for (std::size_t i = 0; i < 3; ++i) {
        CHECK(stored[i].seq == 11 + i);
        const auto message = decode({stored[i].at.frame, frameSize(stored[i].at.frame)}).front();
        CHECK(message.seq() == 11 + i);
        CHECK(message.id >> TopicLog::kSeqBits == 3);
        CHECK(message.timestampNs == 99);
        CHECK(message.body == std::string{sdk::asText(bodies[i])});
    }
    CHECK(log.end().index == 2);
    const auto read = readAll(cursor, 2);
    CHECK(read[0].seq() == 10);
    CHECK(read[1].seq() == 14);
}

TEST_CASE("stored messages keep their memory as long as they are held, and no longer", "[topic_log]") {
    const MemoryAccount account = newAccount();
    TopicLog log{1, 0, account};
    const std::int64_t before = account->load();
    {
        const std::string body(100'000, 's');
        const std::vector<sdk::Bytes> bodies{sdk::asBytes(body)};
        std::vector<LogMessage> stored = log.store(bodies, 0);
        // The next ones go to another block: the first is held by its message only.
        static_cast<void>(log.store(std::vector<sdk::Bytes>{sdk::asBytes("small")}, 0));
        CHECK(account->load() > before + 100'000);
        CHECK(decode({stored[0].at.frame, frameSize(stored[0].at.frame)}).front().body == body);
    }
    CHECK(account->load() < before + 2 * static_cast<std::int64_t>(kFirstBlock));
}

TEST_CASE("restored messages keep their numbers, gaps included", "[topic_log]") {
    TopicLog source{50, 2, newAccount()};
    LogCursor from = source.end();
    append(source, {"a", "b", "c"});
    source.commit();
    const LogRun run = readRun(from, 10, SIZE_MAX);

    TopicLog log{1000, 2, newAccount()};
    LogCursor cursor = log.end();
    log.restore(50, 3, run.frames());
    const LogMessage single = log.restoreMessage(60, run.frames().first(frameSize(run.first.frame)));
    log.restore(70, 3, run.frames());
    log.commit();
    log.skipTo(1000);
    log.skipTo(10);  // never back
    append(log, {"d"});
    log.commit();

    CHECK(single.seq == 60);
    CHECK(decode({single.at.frame, frameSize(single.at.frame)}).front().body == "a");
    CHECK(readRun(cursor, 10, SIZE_MAX).firstSeq == 50);
    const LogRun second = readRun(cursor, 10, SIZE_MAX);
    CHECK(second.firstSeq == 70);
    CHECK(second.count == 3);
    const LogRun third = readRun(cursor, 10, SIZE_MAX);
    CHECK(third.firstSeq == 1000);
    CHECK(decode(third.frames()).front().seq() == 1000);
    CHECK(cursor.index == log.end().index);
}

TEST_CASE("memory goes when the last cursor has passed it", "[topic_log]") {
    const MemoryAccount account = newAccount();
    {
        TopicLog log{1, 0, account};
        LogCursor slow = log.end();
        LogCursor fast = log.end();
        for (int i = 0; i < 20'000; ++i) append(log, {std::string(200, 'x')});
        log.commit();
        const std::int64_t full = account->load();
        CHECK(full > 20'000 * 200);
        skip(fast, 20'000);
        CHECK(account->load() == full);
        skip(slow, 10'000);
        CHECK(account->load() < full * 6 / 10);
        CHECK(account->load() > full * 4 / 10);
        LogRun held = readRun(slow, 1, SIZE_MAX);
        skip(slow, 9'999);
        // One block is the log's own, and one is held by the message in hand.
        CHECK(account->load() <= 2 * static_cast<std::int64_t>(kLargestBlock + 100));
        CHECK(decode(held.frames()).front().body == std::string(200, 'x'));
        held = {};
        CHECK(account->load() <= static_cast<std::int64_t>(kLargestBlock + 100));
    }
    CHECK(account->load() == 0);
}

TEST_CASE("a copy of a message stands alone", "[topic_log]") {
    const MemoryAccount account = newAccount();
    Location copy;
    {
        TopicLog log{1, 0, account};
        LogCursor cursor = log.end();
        append(log, {"keep me"});
        log.commit();
        copy = copyOf(readRun(cursor, 1, SIZE_MAX).first, account);
    }
    CHECK(account->load() > 0);
    CHECK(account->load() < 200);
    CHECK(decode({copy.frame, frameSize(copy.frame)}).front().body == "keep me");
    copy = {};
    CHECK(account->load() == 0);
}

TEST_CASE("a chain of a million blocks goes without recursion", "[topic_log]") {
    const MemoryAccount account = newAccount();
    ExtentPtr first{new Extent(Block::create(16, account))};
    {
        ExtentPtr last = first;
        for (int i = 0; i < 1'000'000; ++i) {
            ExtentPtr next{new Extent(Block::create(16, account))};
            intrusive_ptr_add_ref(next.get());
            last->next.store(next.get());
            last = std::move(next);
        }
    }
    CHECK(account->load() > 16'000'000);
    first.reset();
    CHECK(account->load() == 0);
}

TEST_CASE("any order of appends, stores, commits and reads gives what went in", "[topic_log]") {
    const auto seed = GENERATE(range(1u, 9u));
    std::mt19937 random{seed};
    const MemoryAccount account = newAccount();
    {
        TopicLog log{1, static_cast<int>(seed), account};
        std::vector<std::pair<std::uint64_t, std::string>> expected;  // what the log holds, in order
        std::map<std::uint64_t, std::string> expectedStored;
        std::vector<LogMessage> stored;
        LogCursor cursor = log.end();
        const auto texts = [&] {
            std::vector<std::string> made(random() % 5 + 1);
            for (std::string& text : made) {
                text.assign(random() % (random() % 50 == 0 ? 300'000 : 400),
                            static_cast<char>('a' + random() % 26));
            }
            return made;
        };
        for (int step = 0; step < 3000; ++step) {
            switch (random() % 6) {
                case 0:
                case 1:
                case 2: {
                    std::uint64_t seq = log.nextSeq();
                    const std::vector<std::string> made = texts();
                    append(log, made);
                    for (const std::string& text : made) expected.emplace_back(seq++, text);
                    break;
                }
                case 3: {
                    const std::vector<std::string> made = texts();
                    std::vector<sdk::Bytes> bodies;
                    for (const std::string& text : made) bodies.push_back(sdk::asBytes(text));
                    std::size_t i = 0;
                    for (LogMessage& message : log.store(bodies, 1)) {
                        expectedStored[message.seq] = made[i++];
                        stored.push_back(std::move(message));
                    }
                    break;
                }
                case 4:
                    log.commit();
                    REQUIRE(log.end().index == expected.size());
                    break;
                default: {
                    const std::uint64_t there = log.end().index - cursor.index;
                    if (there == 0) break;
                    const std::uint64_t begin = cursor.index;
                    const auto read = readAll(cursor, random() % there + 1, random() % 7 + 1);
                    for (std::size_t i = 0; i < read.size(); ++i) {
                        REQUIRE(read[i].seq() == expected[begin + i].first);
                        REQUIRE(read[i].body == expected[begin + i].second);
                    }
                }
            }
        }
        for (const LogMessage& message : stored) {
            const auto read = decode({message.at.frame, frameSize(message.at.frame)}).front();
            REQUIRE(read.seq() == message.seq);
            REQUIRE(read.body == expectedStored[message.seq]);
        }
    }
    CHECK(account->load() == 0);
}

}  // namespace
}  // namespace nsq::storage
