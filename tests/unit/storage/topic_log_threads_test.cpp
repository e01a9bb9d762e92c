#include <catch2/catch.hpp>

#include <atomic>
#include <thread>

#include "storage/topic_log.h"
#include "unit/storage/log_messages.h"

namespace nsq::storage {
namespace {

TEST_CASE("readers follow a writer on other threads without a lock", "[topic_log]") {
    constexpr std::uint64_t kMessages = 60'000;
    constexpr int kReaders = 3;
    const MemoryAccount account = test::newAccount();
    {
        TopicLog log{1, 0, account};
        std::atomic<std::uint64_t> committed{0};
        std::atomic<std::uint64_t> wrong{0};
        std::vector<std::thread> readers;
        for (int r = 0; r < kReaders; ++r) {
            readers.emplace_back(
                [&, cursor = log.end(), most = static_cast<std::uint64_t>(1 + r * 50)]() mutable {
                    std::uint64_t next = 1;
                    while (cursor.index < kMessages) {
                        const std::uint64_t upTo = committed.load(std::memory_order_acquire);
                        if (upTo == cursor.index) std::this_thread::yield();
                        while (cursor.index < upTo) {
                            const LogRun run = readRun(cursor, std::min(most, upTo - cursor.index), 10'000);
                            for (const test::ReadMessage& message : test::decode(run.frames())) {
                                if (message.seq() != next || message.body != std::to_string(next)) ++wrong;
                                ++next;
                            }
                        }
                    }
                });
        }
        for (std::uint64_t written = 0; written < kMessages;) {
            const std::uint64_t batch = std::min<std::uint64_t>(1 + written % 9, kMessages - written);
            std::vector<std::string> texts;
            for (std::uint64_t i = 0; i < batch; ++i) texts.push_back(std::to_string(written + i + 1));
            test::append(log, texts);
            written += batch;
            if (written % 2 == 0 || written == kMessages) {
                log.commit();
                committed.store(written, std::memory_order_release);
            }
        }
        for (std::thread& reader : readers) reader.join();
        CHECK(wrong == 0);
        CHECK(log.end().index == kMessages);
    }
    CHECK(account->load() == 0);
}

}  // namespace
}  // namespace nsq::storage
