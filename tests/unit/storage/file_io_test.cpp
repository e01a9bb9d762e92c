#include "storage/file_io.h"

#include <catch2/catch.hpp>

#include <fcntl.h>
#include <sys/stat.h>

#include "unit/storage/temporary_directory.h"

namespace nsq::storage {
namespace {

TEST_CASE("replaceFile makes and replaces a file, and leaves nothing beside it", "[file_io]") {
    const test::TemporaryDirectory directory;
    const std::filesystem::path path = directory / "f";
    const std::string large(3'000'000, 'x');
    for (const std::string& content : {std::string{"first"}, large, std::string{}, std::string{"last"}}) {
        REQUIRE(replaceFile(path, sdk::asBytes(content)));
        const auto read = readFile(path);
        REQUIRE(read);
        REQUIRE(sdk::asText(read.value()) == content);
        CHECK(std::distance(std::filesystem::directory_iterator{directory.path()}, {}) == 1);
    }
}

TEST_CASE("files are for their owner only: they hold messages", "[file_io]") {
    const test::TemporaryDirectory directory;
    REQUIRE(replaceFile(directory / "f", sdk::asBytes("x")));
    struct stat status {};
    REQUIRE(::stat((directory / "f").c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0600);
}

TEST_CASE("a file that cannot be replaced keeps its old content", "[file_io]") {
    const test::TemporaryDirectory directory;
    REQUIRE(replaceFile(directory / "f", sdk::asBytes("old")));
    // The temporary name is taken by a directory.
    std::filesystem::create_directory(directory / "f.tmp");
    const auto replaced = replaceFile(directory / "f", sdk::asBytes("new"));
    REQUIRE_FALSE(replaced);
    CHECK(replaced.error().code == sdk::ErrorCode::kStorage);
    CHECK(replaced.error().text.find("f.tmp: cannot be created: ") != std::string::npos);
    CHECK(sdk::asText(readFile(directory / "f").value()) == "old");
    // The target is a directory that cannot be renamed over.
    std::filesystem::create_directories(directory / "d/inner");
    CHECK_FALSE(replaceFile(directory / "d", sdk::asBytes("new")));
}

TEST_CASE("a write the disk refuses is an error", "[file_io]") {
    const File full{::open("/dev/full", O_WRONLY | O_CLOEXEC)};
    REQUIRE(full.fd() >= 0);
    const auto written = writeAll(full, sdk::asBytes("x"), "/dev/full");
    REQUIRE_FALSE(written);
    CHECK(written.error().text == "/dev/full: cannot be written: No space left on device");
}

TEST_CASE("only regular files are read", "[file_io]") {
    const test::TemporaryDirectory directory;
    CHECK_FALSE(readFile(directory / "missing"));
    CHECK_FALSE(readFile(directory.path()));
    CHECK_FALSE(readFile("/dev/zero"));
}

TEST_CASE("a moved file is closed once", "[file_io]") {
    const test::TemporaryDirectory directory;
    int fd = -1;
    {
        File first = createFile(directory / "f").value();
        fd = first.fd();
        File second{std::move(first)};
        CHECK(first.fd() == -1);
        CHECK(second.fd() == fd);
        File third;
        third = std::move(second);
        CHECK(third.fd() == fd);
        REQUIRE(writeAll(third, sdk::asBytes("x"), directory / "f"));
        REQUIRE(syncFile(third, directory / "f"));
    }
    CHECK(::fcntl(fd, F_GETFD) == -1);
}

}  // namespace
}  // namespace nsq::storage
