#include "storage/stock_queue_writer.h"

#include <catch2/catch.hpp>

#include <sys/mman.h>

#include "unit/storage/stock_fixture.h"

namespace nsq::storage {
namespace {

using test::StockDirectory;
using test::stockRecord;

StockQueueWriter writerOf(const StockDirectory& directory, std::uint64_t maxBytesPerFile) {
    return StockQueueWriter::create(directory.path(), "t", std::nullopt, maxBytesPerFile).value();
}

sdk::Result<void> append(StockQueueWriter& writer, const std::string& body, std::uint16_t attempts = 0) {
    const auto id = sdk::asBytes(test::kId).first<stock::kIdLength>();
    return writer.append(1'700'000'000'000'000'000, attempts, id, sdk::asBytes(body));
}

TEST_CASE("a queue is written in stock's format", "[stock_queue_writer]") {
    const StockDirectory directory;
    auto writer = StockQueueWriter::create(directory.path(), "a.b", "c", 100).value();
    REQUIRE(append(writer, "one", 513));
    REQUIRE(append(writer, ""));
    REQUIRE(append(writer, "three, in the next file"));
    REQUIRE(writer.close());
    CHECK(directory.read("a.b:c.diskqueue.000000.dat") == stockRecord("one", 513) + stockRecord(""));
    CHECK(directory.read("a.b:c.diskqueue.000001.dat") == stockRecord("three, in the next file"));
    CHECK(directory.read("a.b:c.diskqueue.meta.dat") == "3\n0,0\n1,53\n");
    CHECK(directory.count() == 3);
}

TEST_CASE("a file is filled to its last byte, and a larger record has one of its own",
          "[stock_queue_writer]") {
    const StockDirectory directory;
    StockQueueWriter writer = writerOf(directory, 62);
    const std::string large(100, 'l');
    for (const std::string& body :
         {large, std::string{"a"}, std::string{"b"}, large, std::string{"c"}, std::string{"dd"}})
        REQUIRE(append(writer, body));
    REQUIRE(writer.close());
    CHECK(directory.read("t.diskqueue.000000.dat") == stockRecord(large));
    CHECK(directory.read("t.diskqueue.000001.dat") == stockRecord("a") + stockRecord("b"));
    CHECK(directory.read("t.diskqueue.000002.dat") == stockRecord(large));
    CHECK(directory.read("t.diskqueue.000003.dat") == stockRecord("c"));
    CHECK(directory.read("t.diskqueue.000004.dat") == stockRecord("dd"));
    CHECK(directory.read("t.diskqueue.meta.dat") == "6\n0,0\n4,32\n");
}

TEST_CASE("an empty queue is a meta file", "[stock_queue_writer]") {
    const StockDirectory directory;
    REQUIRE(writerOf(directory, 100).close());
    CHECK(directory.read("t.diskqueue.meta.dat") == "0\n0,0\n0,0\n");
    CHECK(directory.count() == 1);
}

TEST_CASE("what is written is read again", "[stock_queue_writer]") {
    const StockDirectory directory;
    std::vector<std::string> bodies;
    StockQueueWriter writer = writerOf(directory, 1'500'000);
    for (std::size_t i = 0; i < 300; ++i) {
        bodies.push_back(std::string(i * 67, static_cast<char>('a' + i % 26)));
        REQUIRE(append(writer, bodies.back()));
    }
    REQUIRE(writer.close());
    const test::StockContent content = test::readOnly(directory, 300 * 67);
    CHECK(content.bodies == bodies);
    CHECK(content.report.warnings.empty());
    CHECK(content.report.salvaged == 0);
    CHECK(directory.list().at(0).files.size() == 3);
}

TEST_CASE("before close() there is nothing that stock would look at", "[stock_queue_writer]") {
    const StockDirectory directory;
    {
        StockQueueWriter writer = writerOf(directory, 40);
        for (int i = 0; i < 3; ++i) REQUIRE(append(writer, "body"));
        CHECK(directory.list().empty());
    }
    CHECK(directory.list().empty());
    StockQueueWriter again = writerOf(directory, 40);
    REQUIRE(append(again, "again"));
    REQUIRE(again.close());
    CHECK(test::readOnly(directory).bodies == std::vector<std::string>{"again"});
}

TEST_CASE("a close() interrupted at any file leaves an empty queue", "[stock_queue_writer]") {
    for (std::uint64_t at = 0; at < 4; ++at) {
        const StockDirectory directory;
        StockQueueWriter writer = writerOf(directory, 40);
        for (int i = 0; i < 4; ++i) REQUIRE(append(writer, "body"));
        std::filesystem::create_directory(directory / StockDirectory::dataName(at));
        const auto closed = writer.close();
        REQUIRE_FALSE(closed);
        CHECK(closed.error().code == sdk::ErrorCode::kStorage);
        CHECK(directory.read("t.diskqueue.meta.dat") == "0\n4,0\n4,0\n");
        CHECK(directory.list().at(0).files.size() == at);
        const test::StockContent content = test::readOnly(directory);
        CHECK(content.bodies.empty());
        CHECK(content.report.warnings.empty());
    }
}

TEST_CASE("no queue is written over another", "[stock_queue_writer]") {
    const std::string name = GENERATE("t.diskqueue.meta.dat", "t.diskqueue.000000.dat");
    const StockDirectory directory;
    directory.put(name, "x");
    const auto writer = StockQueueWriter::create(directory.path(), "t", std::nullopt, 100);
    REQUIRE_FALSE(writer);
    CHECK(writer.error().code == sdk::ErrorCode::kInvalid);
    CHECK(writer.error().text == (directory / name).string() + ": exists already");
    CHECK(StockQueueWriter::create(directory.path(), "t", "c", 100));
    CHECK(StockQueueWriter::create(directory / std::string(300, 'd'), "t", "c", 100).error().code ==
          sdk::ErrorCode::kStorage);
}

TEST_CASE("what the disk refuses is an error, and there is no queue then", "[stock_queue_writer]") {
    const StockDirectory directory;
    StockQueueWriter unnamed = writerOf(directory, 100);
    std::filesystem::create_directory(directory / "t.diskqueue.000000.dat.tmp");
    CHECK(append(unnamed, "x").error().code == sdk::ErrorCode::kStorage);
    std::filesystem::remove(directory / "t.diskqueue.000000.dat.tmp");
    std::filesystem::create_symlink("/dev/full", directory / "t.diskqueue.000000.dat.tmp");
    StockQueueWriter full = writerOf(directory, 10'000'000);
    REQUIRE(append(full, "x"));
    const auto appended = append(full, std::string(1 << 20, 'x'));
    REQUIRE_FALSE(appended);
    CHECK(appended.error().text.find("No space left") != std::string::npos);
    StockQueueWriter fullAtEnd = writerOf(directory, 10'000'000);
    REQUIRE(append(fullAtEnd, "x"));
    const auto closed = fullAtEnd.close();
    REQUIRE_FALSE(closed);
    CHECK(closed.error().text.find("No space left") != std::string::npos);
    CHECK(directory.list().empty());
}

TEST_CASE("a body that the size field cannot count is refused", "[stock_queue_writer]") {
    const StockDirectory directory;
    StockQueueWriter writer = writerOf(directory, 100);
    const std::size_t size = (std::size_t{1} << 31) - 26;
    void* memory = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    REQUIRE(memory != MAP_FAILED);
    const auto id = sdk::asBytes(test::kId).first<stock::kIdLength>();
    const auto appended = writer.append(0, 0, id, {static_cast<const std::byte*>(memory), size});
    REQUIRE_FALSE(appended);
    CHECK(appended.error().code == sdk::ErrorCode::kInvalid);
    ::munmap(memory, size);
}

}  // namespace
}  // namespace nsq::storage
