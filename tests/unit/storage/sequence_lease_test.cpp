#include "storage/sequence_lease.h"

#include <catch2/catch.hpp>

#include <charconv>
#include <thread>
#include <vector>

#include "storage/file_io.h"
#include "storage/topic_log.h"
#include "unit/storage/temporary_directory.h"

namespace nsq::storage {
namespace {

/// Far ahead of the clock, as if it had stepped back by years, and below the end of the 54 bits.
constexpr std::uint64_t kFuture = std::uint64_t{1} << 53;

std::uint64_t fileLimit(const std::filesystem::path& file) {
    const auto content = readFile(file);
    REQUIRE(content);
    const std::string_view text = sdk::asText(content.value());
    std::uint64_t limit = 0;
    std::from_chars(text.data(), text.data() + text.size(), limit);
    return limit;
}

void writeLimit(const std::filesystem::path& file, std::uint64_t limit) {
    test::writeFile(file, sdk::asBytes(std::to_string(limit) + "\n"));
}

TEST_CASE("numbers begin at the clock and fit into an id", "[sequence_lease]") {
    const test::TemporaryDirectory directory;
    const auto lease = SequenceLease::open(directory / "l");
    REQUIRE(lease);
    const auto first = lease.value()->begin();
    REQUIRE(first);
    // 2026-01-01 as seconds since 2020, at 2^22 a second.
    CHECK(first.value() > std::uint64_t{189'388'800} << 22);
    CHECK(first.value() < TopicLog::kSeqMask);
    CHECK(fileLimit(directory / "l") > first.value());
}

TEST_CASE("after a crash numbers begin above all that may have been used", "[sequence_lease]") {
    const test::TemporaryDirectory directory;
    std::uint64_t used = 0;
    for (int run = 0; run < 5; ++run) {
        const auto lease = SequenceLease::open(directory / "l");
        REQUIRE(lease);
        const std::uint64_t first = lease.value()->begin().value();
        CHECK(first >= used);
        used = first + 5'000'000'000;  // more than a lease reaches ahead
        REQUIRE(lease.value()->cover(used));
        CHECK(fileLimit(directory / "l") >= used);
        // No close: the run ends here, as by kill -9.
    }
}

TEST_CASE("the file is raised before numbers beyond it are used, and not for each of them",
          "[sequence_lease]") {
    const test::TemporaryDirectory directory;
    const auto lease = SequenceLease::open(directory / "l");
    REQUIRE(lease);
    const std::uint64_t limit = fileLimit(directory / "l");
    REQUIRE(lease.value()->cover(limit));
    CHECK(fileLimit(directory / "l") == limit);
    REQUIRE(lease.value()->cover(limit + 1));
    CHECK(fileLimit(directory / "l") > limit + 1);
}

TEST_CASE("a clock that steps back changes nothing", "[sequence_lease]") {
    const test::TemporaryDirectory directory;
    writeLimit(directory / "l", kFuture);
    const auto lease = SequenceLease::open(directory / "l");
    REQUIRE(lease);
    CHECK(lease.value()->begin().value() >= kFuture);
    CHECK(fileLimit(directory / "l") > kFuture);
}

TEST_CASE("a topic made again begins above the one that was deleted", "[sequence_lease]") {
    const test::TemporaryDirectory directory;
    const auto lease = SequenceLease::open(directory / "l");
    REQUIRE(lease);
    const std::uint64_t end = lease.value()->begin().value() + 100'000'000'000;
    REQUIRE(lease.value()->cover(end));
    lease.value()->retire(end);
    lease.value()->retire(end - 1000);
    CHECK(lease.value()->begin().value() >= end);
}

TEST_CASE("after an orderly end numbers go on where they were, or later", "[sequence_lease]") {
    const test::TemporaryDirectory directory;
    {
        const auto lease = SequenceLease::open(directory / "l");
        REQUIRE(lease);
        REQUIRE(lease.value()->cover(kFuture));
        REQUIRE(lease.value()->close(kFuture));
    }
    CHECK(fileLimit(directory / "l") == kFuture);
    {
        const auto lease = SequenceLease::open(directory / "l");
        REQUIRE(lease);
        CHECK(lease.value()->begin().value() == kFuture);
        // What a deleted topic used counts as well.
        REQUIRE(lease.value()->cover(kFuture + 500));
        lease.value()->retire(kFuture + 500);
        REQUIRE(lease.value()->close(kFuture + 20));
    }
    CHECK(fileLimit(directory / "l") == kFuture + 500);
}

TEST_CASE("a lease that cannot be written is an error, and covers nothing", "[sequence_lease]") {
    const test::TemporaryDirectory directory;
    const auto lease = SequenceLease::open(directory / "l");
    REQUIRE(lease);
    const std::uint64_t limit = fileLimit(directory / "l");
    std::filesystem::create_directory(directory / "l.tmp");
    CHECK_FALSE(lease.value()->cover(limit + 1));
    CHECK_FALSE(lease.value()->cover(limit + 1));
    CHECK(lease.value()->cover(limit));
    std::filesystem::remove(directory / "l.tmp");
    CHECK(lease.value()->cover(limit + 1));
    CHECK_FALSE(SequenceLease::open(directory / "no/such"));
}

TEST_CASE("a damaged lease is refused: its numbers may have been used", "[sequence_lease]") {
    const test::TemporaryDirectory directory;
    // The last two: more than 64 bits, and more than the 54 of an id.
    const auto text = GENERATE("", "\n", "abc\n", "-5\n", "12x4\n", "12", "99999999999999999999999\n",
                               "18014398509481984\n");
    CAPTURE(text);
    test::writeFile(directory / "l", sdk::asBytes(text));
    const auto lease = SequenceLease::open(directory / "l");
    REQUIRE_FALSE(lease);
    CHECK(lease.error().code == sdk::ErrorCode::kStorage);
    CHECK(lease.error().text.find((directory / "l").string()) != std::string::npos);
}

TEST_CASE("threads that cover at once all are covered", "[sequence_lease]") {
    const test::TemporaryDirectory directory;
    const auto lease = SequenceLease::open(directory / "l");
    REQUIRE(lease);
    const std::uint64_t begin = lease.value()->begin().value();
    std::atomic<int> failures{0};
    std::vector<std::thread> threads;
    for (std::uint64_t t = 0; t < 4; ++t) {
        threads.emplace_back([&, t] {
            for (std::uint64_t i = 0; i < 20; ++i) {
                if (!lease.value()->cover(begin + i * 1'000'000'000 + t)) ++failures;
                if (!lease.value()->begin()) ++failures;
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(failures == 0);
    CHECK(fileLimit(directory / "l") >= begin + 19'000'000'003);
}

}  // namespace
}  // namespace nsq::storage
