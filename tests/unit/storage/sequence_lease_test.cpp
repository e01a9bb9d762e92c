#include "storage/sequence_lease.h"

#include <catch2/catch.hpp>

#include <atomic>
#include <charconv>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "checksum/crc32c.h"
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

/// A line as the lease writes it: the number and its checksum.
std::string lineOf(std::uint64_t limit) {
    const std::string digits = std::to_string(limit);
    return digits + " " + std::to_string(crc32c(sdk::asBytes(digits))) + "\n";
}

void writeLimit(const std::filesystem::path& file, std::uint64_t limit) {
    test::writeFile(file, sdk::asBytes(lineOf(limit)));
}

/// A lease of a file that is not damaged.
std::unique_ptr<SequenceLease> openLease(const std::filesystem::path& file) {
    std::string warning;
    auto lease = SequenceLease::open(file, warning);
    INFO((lease ? "" : lease.error().text));
    REQUIRE(lease);
    CHECK(warning.empty());
    return std::move(lease).value();
}

TEST_CASE("numbers begin at the clock and fit into an id", "[sequence_lease]") {
    const test::TemporaryDirectory directory;
    const auto lease = openLease(directory / "l");
    const auto first = lease->begin();
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
        const auto lease = openLease(directory / "l");
        const std::uint64_t first = lease->begin().value();
        CHECK(first >= used);
        used = first + 5'000'000'000;  // more than a lease reaches ahead
        REQUIRE(lease->cover(used));
        CHECK(fileLimit(directory / "l") >= used);
        // No close: the run ends here, as by kill -9.
    }
}

TEST_CASE("the file is raised before numbers beyond it are used, and not for each of them",
          "[sequence_lease]") {
    const test::TemporaryDirectory directory;
    const auto lease = openLease(directory / "l");
    const std::uint64_t limit = fileLimit(directory / "l");
    REQUIRE(lease->cover(limit));
    CHECK(fileLimit(directory / "l") == limit);
    REQUIRE(lease->cover(limit + 1));
    CHECK(fileLimit(directory / "l") > limit + 1);
}

TEST_CASE("a clock that steps back changes nothing", "[sequence_lease]") {
    const test::TemporaryDirectory directory;
    writeLimit(directory / "l", kFuture);
    const auto lease = openLease(directory / "l");
    CHECK(lease->begin().value() >= kFuture);
    CHECK(fileLimit(directory / "l") > kFuture);
}

TEST_CASE("a topic made again begins above the one that was deleted", "[sequence_lease]") {
    const test::TemporaryDirectory directory;
    const auto lease = openLease(directory / "l");
    const std::uint64_t end = lease->begin().value() + 100'000'000'000;
    REQUIRE(lease->cover(end));
    lease->retire(end);
    lease->retire(end - 1000);
    CHECK(lease->begin().value() >= end);
}

TEST_CASE("after an orderly end numbers go on where they were, or later", "[sequence_lease]") {
    const test::TemporaryDirectory directory;
    {
        const auto lease = openLease(directory / "l");
        REQUIRE(lease->cover(kFuture));
        REQUIRE(lease->close(kFuture));
    }
    CHECK(fileLimit(directory / "l") == kFuture);
    {
        const auto lease = openLease(directory / "l");
        CHECK(lease->begin().value() == kFuture);
        // What a deleted topic used counts as well.
        REQUIRE(lease->cover(kFuture + 500));
        lease->retire(kFuture + 500);
        REQUIRE(lease->close(kFuture + 20));
    }
    CHECK(fileLimit(directory / "l") == kFuture + 500);
}

TEST_CASE("a lease that cannot be written is an error, and covers nothing", "[sequence_lease]") {
    const test::TemporaryDirectory directory;
    const auto lease = openLease(directory / "l");
    const std::uint64_t limit = fileLimit(directory / "l");
    std::filesystem::create_directory(directory / "l.tmp");
    std::filesystem::rename(directory / "l", directory / "aside");
    CHECK_FALSE(lease->cover(limit + 1));
    CHECK_FALSE(lease->cover(limit + 1));
    CHECK(lease->cover(limit));
    std::filesystem::remove(directory / "l.tmp");
    CHECK(lease->cover(limit + 1));
    std::string warning;
    CHECK_FALSE(SequenceLease::open(directory / "no/such", warning));
}

TEST_CASE("where there is no room for a second file a lease is written in place", "[sequence_lease]") {
    const test::TemporaryDirectory directory;
    const auto lease = openLease(directory / "l");
    const std::uint64_t limit = fileLimit(directory / "l");
    std::filesystem::create_directory(directory / "l.tmp");
    CHECK(lease->cover(limit + 1));
    CHECK(fileLimit(directory / "l") > limit);
    CHECK(lease->close(limit));
    CHECK(fileLimit(directory / "l") == limit);
}

TEST_CASE("a damaged lease is a warning, and numbers go on ahead of the clock", "[sequence_lease]") {
    const test::TemporaryDirectory directory;
    // What an undamaged lease of now reaches to at most.
    static_cast<void>(openLease(directory / "now"));
    const std::uint64_t reach = fileLimit(directory / "now");
    // The last two: more than 64 bits, and more than the 54 of an id.
    const auto text = GENERATE(as<std::string>(), "", "\n", "abc\n", "-5\n", "12x4\n", "12", "12\n",
                               "12 34\n", "99999999999999999999999\n", lineOf(std::uint64_t{1} << 54));
    CAPTURE(text);
    test::writeFile(directory / "l", sdk::asBytes(text));
    std::string warning;
    const auto lease = SequenceLease::open(directory / "l", warning);
    REQUIRE(lease);
    CHECK(warning.find((directory / "l").string()) != std::string::npos);
    const std::uint64_t first = lease.value()->begin().value();
    CHECK(first + 1 >= reach);
    CHECK(fileLimit(directory / "l") > first);
    static_cast<void>(openLease(directory / "l"));  // and the file is well again
}

TEST_CASE("every flipped byte and every cut of a lease is noticed", "[sequence_lease]") {
    const test::TemporaryDirectory directory;
    const std::string line = lineOf(kFuture);
    const auto isNoticed = [&](const std::string& text) {
        test::writeFile(directory / "l", sdk::asBytes(text));
        std::string warning;
        const auto lease = SequenceLease::open(directory / "l", warning);
        return lease && !warning.empty() && lease.value()->begin().value() < kFuture;
    };
    for (std::size_t at = 0; at < line.size(); ++at) {
        CAPTURE(at);
        REQUIRE(isNoticed(line.substr(0, at)));
        for (const char mask : {1, 2, 8, 16}) {
            std::string changed = line;
            changed[at] = static_cast<char>(changed[at] ^ mask);
            REQUIRE(isNoticed(changed));
        }
    }
    CHECK(isNoticed(line + "\n"));
    CHECK_FALSE(isNoticed(line));
}

TEST_CASE("threads that cover at once all are covered", "[sequence_lease]") {
    const test::TemporaryDirectory directory;
    const auto lease = openLease(directory / "l");
    const std::uint64_t begin = lease->begin().value();
    std::atomic<int> failures{0};
    std::vector<std::thread> threads;
    for (std::uint64_t t = 0; t < 4; ++t) {
        threads.emplace_back([&, t] {
            for (std::uint64_t i = 0; i < 20; ++i) {
                if (!lease->cover(begin + i * 1'000'000'000 + t)) ++failures;
                if (!lease->begin()) ++failures;
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(failures == 0);
    CHECK(fileLimit(directory / "l") >= begin + 19'000'000'003);
}

}  // namespace
}  // namespace nsq::storage
