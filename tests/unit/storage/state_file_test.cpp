#include "storage/state_file.h"

#include <catch2/catch.hpp>

#include "storage/file_io.h"
#include "unit/storage/temporary_directory.h"

namespace nsq::storage {
namespace {

const ReaderState kState{1234, 1200, {{1100, 0, 1}, {1101, 1'700'000'000'000'000'000, 65535}, {1250, -5, 0}}};

TEST_CASE("a state file gives back its state", "[state_file]") {
    const test::TemporaryDirectory directory;
    REQUIRE(writeState(directory / "s", kState));
    const auto read = readState(directory / "s");
    REQUIRE(read);
    CHECK(read.value().nextSeq == 1234);
    CHECK(read.value().cursorSeq == 1200);
    REQUIRE(read.value().pending.size() == 3);
    for (std::size_t i = 0; i < 3; ++i) {
        CHECK(read.value().pending[i].seq == kState.pending[i].seq);
        CHECK(read.value().pending[i].dueNs == kState.pending[i].dueNs);
        CHECK(read.value().pending[i].attempts == kState.pending[i].attempts);
    }
}

TEST_CASE("an empty state and a large one come back, and replace each other", "[state_file]") {
    const test::TemporaryDirectory directory;
    ReaderState large{9, 8, {}};
    for (std::uint64_t i = 0; i < 100'000; ++i)
        large.pending.push_back({i, static_cast<std::int64_t>(i) * 3, 2});
    REQUIRE(writeState(directory / "s", large));
    CHECK(readState(directory / "s").value().pending.size() == 100'000);
    CHECK(readState(directory / "s").value().pending.back().dueNs == 299'997);
    REQUIRE(writeState(directory / "s", {}));
    CHECK(readState(directory / "s").value().pending.empty());
    CHECK_FALSE(std::filesystem::exists(directory / "s.tmp"));
}

TEST_CASE("any damage to a state file is noticed", "[state_file]") {
    const test::TemporaryDirectory directory;
    REQUIRE(writeState(directory / "s", kState));
    const std::vector<std::byte> file = readFile(directory / "s").value();
    const auto refused = [&](sdk::Bytes bytes) {
        test::writeFile(directory / "d", bytes);
        const auto read = readState(directory / "d");
        return !read && read.error().code == sdk::ErrorCode::kStorage &&
               read.error().text.find((directory / "d").string()) != std::string::npos;
    };
    for (std::size_t at = 0; at < file.size(); ++at) {
        for (int bit = 0; bit < 8; ++bit) {
            CAPTURE(at, bit);
            std::vector<std::byte> damaged = file;
            damaged[at] ^= static_cast<std::byte>(1 << bit);
            REQUIRE(refused(damaged));
        }
    }
    for (std::size_t size = 0; size < file.size(); ++size) {
        CAPTURE(size);
        REQUIRE(refused(sdk::Bytes{file}.first(size)));
    }
    std::vector<std::byte> longer = file;
    longer.push_back(std::byte{0});
    CHECK(refused(longer));
    CHECK_FALSE(readState(directory / "missing"));
}

}  // namespace
}  // namespace nsq::storage
