#include "storage/data_directory.h"

#include <catch2/catch.hpp>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <fstream>

#include "unit/storage/temporary_directory.h"

namespace nsq::storage {
namespace {

TEST_CASE("a data directory is held by one at a time", "[data_directory]") {
    const test::TemporaryDirectory temporary;
    auto first = DataDirectory::open(temporary.path());
    REQUIRE(first);
    CHECK(first.value().path() == temporary.path());
    const auto second = DataDirectory::open(temporary.path());
    REQUIRE_FALSE(second);
    CHECK(second.error().code == sdk::ErrorCode::kStorage);
    CHECK(second.error().text.find(temporary.path().string() + ": in use by another process") !=
          std::string::npos);
    CHECK(second.error().text.find('\n') == std::string::npos);
    {
        const DataDirectory moved{std::move(first).value()};
        CHECK_FALSE(DataDirectory::open(temporary.path()));
    }
    CHECK(DataDirectory::open(temporary.path()));
}

TEST_CASE("the lock is the flock on the directory that nsqd takes", "[data_directory]") {
    const test::TemporaryDirectory temporary;
    const int other = ::open(temporary.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    REQUIRE(other >= 0);
    REQUIRE(::flock(other, LOCK_EX | LOCK_NB) == 0);
    CHECK_FALSE(DataDirectory::open(temporary.path()));
    REQUIRE(::close(other) == 0);
    CHECK(DataDirectory::open(temporary.path()));
}

TEST_CASE("a relative data path becomes absolute", "[data_directory]") {
    const test::TemporaryDirectory temporary;
    const std::filesystem::path before = std::filesystem::current_path();
    std::filesystem::current_path(temporary.path());
    const auto opened = DataDirectory::open("./x/..");
    std::filesystem::create_directory("x");
    const auto there = DataDirectory::open("x");
    std::filesystem::current_path(before);
    REQUIRE(opened);
    CHECK(opened.value().path().is_absolute());
    REQUIRE(there);
    CHECK(there.value().path() == std::filesystem::canonical(temporary.path()) / "x");
}

TEST_CASE("a data path that cannot be used is refused with its name and the reason", "[data_directory]") {
    const test::TemporaryDirectory temporary;
    const auto missing = DataDirectory::open(temporary / "missing");
    REQUIRE_FALSE(missing);
    CHECK(missing.error().text ==
          "data path " + (temporary / "missing").string() + ": cannot be opened: No such file or directory");
    std::ofstream{temporary / "file"} << "x";
    const auto file = DataDirectory::open(temporary / "file");
    REQUIRE_FALSE(file);
    CHECK(file.error().text.find("Not a directory") != std::string::npos);
}

}  // namespace
}  // namespace nsq::storage
