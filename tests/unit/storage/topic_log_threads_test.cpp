#include <catch2/catch.hpp>

#include <atomic>
#include <thread>

#include "storage/topic_log.h"
#include "unit/storage/file_log.h"
#include "unit/storage/file_size_limit.h"

namespace nsq::storage {
namespace {

constexpr std::uint64_t kMessages = 30'000;
constexpr std::uint64_t kFirstSeq = 100;

/// Readers at cursors of their own, from the beginning on, behind what is committed.
class Readers {
public:
    explicit Readers(LogStore& store, const LogCursor& begin) : store_(store) {
        for (std::uint64_t r = 0; r < 3; ++r)
            threads_.emplace_back([this, r, cursor = begin] { read(cursor, 1 + r * 50, r == 1); });
    }
    void committed(std::uint64_t count) { committed_.store(count, std::memory_order_release); }
    std::uint64_t wrong() {
        for (std::thread& thread : threads_) thread.join();
        return wrong_;
    }

private:
    void read(LogCursor cursor, std::uint64_t most, bool rests) {
        std::uint64_t next = 0;
        while (next < kMessages) {
            const std::uint64_t upTo = committed_.load(std::memory_order_acquire);
            if (upTo == cursor.index) std::this_thread::yield();
            while (cursor.index < upTo) {
                const auto run = readRun(store_, cursor,
                                         {.messages = std::min(most, upTo - cursor.index), .bytes = 10'000});
                if (!run || run.value().count == 0) {
                    ++wrong_;
                    return;
                }
                for (const test::ReadMessage& message : test::decode(run.value().frames())) {
                    if (message.seq() != kFirstSeq + next || message.body != std::to_string(next)) ++wrong_;
                    ++next;
                }
                if (rests && next % 7 == 0) cursor.rest();
            }
        }
    }

    LogStore& store_;
    std::atomic<std::uint64_t> committed_{0};
    std::atomic<std::uint64_t> wrong_{0};
    std::vector<std::thread> threads_;
};

/// Publishes kMessages in turns, and calls `between` after each.
template <typename Between>
void write(TopicLog& log, Readers& readers, const Between& between) {
    for (std::uint64_t written = 0; written < kMessages;) {
        const std::uint64_t batch = std::min<std::uint64_t>(1 + written % 9, kMessages - written);
        std::vector<std::string> texts;
        for (std::uint64_t i = 0; i < batch; ++i) texts.push_back(std::to_string(written + i));
        test::append(log, texts);
        written += batch;
        if (written % 2 != 0 && written != kMessages) continue;
        if (!log.commit()) return;
        readers.committed(written);
        between(written);
    }
}

TEST_CASE("readers follow a log in memory on other threads without a lock", "[topic_log_threads]") {
    const MemoryAccount account = test::newAccount();
    auto store = std::make_shared<LogStore>(account, test::ignoreReport);
    {
        TopicLog log{kFirstSeq, {}, store};
        Readers readers{*store, log.end()};
        write(log, readers, [](std::uint64_t) {});
        CHECK(readers.wrong() == 0);
        CHECK(log.end().index == kMessages);
    }
    CHECK(account->load() == 0);
}

TEST_CASE("readers follow a log whose memory goes, whose files change, and that rests",
          "[topic_log_threads]") {
    LogConfig config;
    config.maxBytesPerFile = 100'000;
    config.memoryMessages = 500;
    config.writeThrough = GENERATE(true, false);
    test::FileLog log{config};
    Readers readers{log.store(), GENERATE(true, false) ? LogCursor{} : log->end()};
    write(*log, readers, [&](std::uint64_t written) {
        log->trim();
        if (written % 8 == 0) static_cast<void>(log->writeAll());
        if (written % 16 == 0) log->rest();
        if (written % 1000 == 0) log->beginFile();
    });
    CHECK(readers.wrong() == 0);
    CHECK(log->end().index == kMessages);
    CHECK(log.store().damagedBatches() == 0);
    log->rest();
}

TEST_CASE("a reader never sees anything of a turn that fails half-way", "[topic_log_threads]") {
    constexpr std::uint64_t kTurns = 500;
    test::FileLog log;
    std::atomic<std::uint64_t> wrong{0};
    std::thread reader{[&] {
        LogCursor cursor;
        for (std::uint64_t got = 0; got < kTurns && wrong == 0;) {
            const auto run = readRun(log.store(), cursor);
            if (!run) ++wrong;
            if (!run || run.value().count == 0) continue;
            for (const test::ReadMessage& message : test::decode(run.value().frames())) {
                if (message.body != std::to_string(got++)) ++wrong;
            }
            cursor.rest();
        }
    }};
    for (std::uint64_t turn = 0; turn < kTurns; ++turn) {
        log->rest();
        for (int i = 0; i < 5; ++i) test::append(*log, {std::string(3000, 'f')});
        {
            // Some of its blocks are written.
            const test::FileSizeLimit full{log->lastOffset() + 7'000};
            if (log->commit()) ++wrong;
        }
        test::append(*log, {std::to_string(turn)});
        if (!log->commit()) ++wrong;
    }
    reader.join();
    CHECK(wrong == 0);
    CHECK(log->end().index == kTurns);
}

}  // namespace
}  // namespace nsq::storage
