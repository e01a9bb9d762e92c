#include "storage/stock_queue.h"

#include <catch2/catch.hpp>

#include "unit/storage/stock_fixture.h"

namespace nsq::storage {
namespace {

using test::StockDirectory;
using test::stockRecord;

/// `topic[:channel] meta? numbers`, a line for each queue.
std::vector<std::string> described(const StockDirectory& directory) {
    std::vector<std::string> lines;
    for (const StockQueue& queue : directory.list()) {
        std::string line = queue.topic + (queue.channel ? ":" + *queue.channel : "");
        if (queue.hasMeta) line += " meta";
        for (const auto& [number, bytes] : queue.files) line += " " + std::to_string(number);
        lines.push_back(line);
    }
    return lines;
}

TEST_CASE("the queues of topics and channels are listed with their files in order", "[stock_queue]") {
    const StockDirectory directory;
    for (const char* name : {"t.diskqueue.meta.dat", "t.diskqueue.000010.dat", "t.diskqueue.000009.dat",
                             "t.diskqueue.1000000.dat", "t.diskqueue.999999.dat", "t:c.diskqueue.meta.dat",
                             "t:b.diskqueue.000003.dat", "nsqd.dat"})
        directory.put(name, "1234");
    CHECK(described(directory) ==
          std::vector<std::string>{"t meta 9 10 999999 1000000", "t:b 3", "t:c meta"});
    const StockQueue queue = directory.list().at(0);
    CHECK(queue.files.at(0).bytes == 4);
    CHECK(queue.metaPath() == directory / "t.diskqueue.meta.dat");
    CHECK(queue.dataPath(9) == directory / "t.diskqueue.000009.dat");
    CHECK(queue.dataPath(1'000'000) == directory / "t.diskqueue.1000000.dat");
    CHECK(directory.list().at(1).dataPath(3) == directory / "t:b.diskqueue.000003.dat");
}

TEST_CASE("file names are read from the right: names of topics may look like them", "[stock_queue]") {
    const StockDirectory directory;
    for (const char* name :
         {"a.diskqueue.meta.diskqueue.meta.dat", "a.diskqueue.meta.dat.diskqueue.000001.dat",
          "a.diskqueue.000001.dat:c.diskqueue.meta.diskqueue.000002.dat", "a.diskqueue.diskqueue.000003.dat",
          "..diskqueue.000004.dat", "a.diskqueue.000000.dat.bad.diskqueue.000005.dat"})
        directory.put(name, "");
    CHECK(described(directory) ==
          std::vector<std::string>{". 4", "a.diskqueue 3", "a.diskqueue.000000.dat.bad 5",
                                   "a.diskqueue.000001.dat:c.diskqueue.meta 2", "a.diskqueue.meta meta",
                                   "a.diskqueue.meta.dat 1"});
    for (const StockQueue& queue : directory.list())
        for (const auto& [number, bytes] : queue.files)
            CHECK(std::filesystem::exists(queue.dataPath(number)));
}

TEST_CASE("what is no file of a stock queue is passed over", "[stock_queue]") {
    const StockDirectory directory;
    for (const char* name : {"t.diskqueue.000000.dat.bad",
                             "t.diskqueue.meta.dat.123.tmp",
                             "t.diskqueue.meta.dat.tmp",
                             "t.diskqueue.00000.dat",
                             "t.diskqueue.0000001.dat",
                             "t.diskqueue.00000x.dat",
                             "t.diskqueue.-00001.dat",
                             "t.diskqueue..dat",
                             "t.diskqueue.99999999999999999999.dat",
                             "t.diskqueue.9999999999999999.dat",
                             "t;c.diskqueue.000000.dat",
                             "t:.diskqueue.000000.dat",
                             ":c.diskqueue.000000.dat",
                             "t:c:d.diskqueue.000000.dat",
                             "sp ace.diskqueue.000000.dat",
                             ".diskqueue.000000.dat",
                             "e#ephemeral.diskqueue.meta.dat",
                             "t:e#ephemeral.diskqueue.000000.dat",
                             "e#ephemeral:c.diskqueue.000000.dat",
                             "diskqueue.000000.dat",
                             "t.diskqueue.dat",
                             ".dat"})
        directory.put(name, "");
    directory.put(std::string(65, 'n') + ".diskqueue.meta.dat", "");
    std::filesystem::create_directory(directory / "t.diskqueue.000000.dat");
    std::filesystem::create_symlink("nowhere", directory / "t.diskqueue.000001.dat");
    CHECK(described(directory).empty());
}

TEST_CASE("a directory that cannot be listed is an error, not one without queues", "[stock_queue]") {
    const StockDirectory directory;
    const auto missing = listStockQueues(directory / "missing");
    REQUIRE_FALSE(missing);
    CHECK(missing.error().code == sdk::ErrorCode::kStorage);
    CHECK(missing.error().text.find("missing: cannot be listed: No such file") != std::string::npos);
    CHECK_FALSE(test::withoutFileDescriptors([&] { return listStockQueues(directory.path()); }));
}

TEST_CASE("a meta file is five numbers in stock's form", "[stock_queue]") {
    CHECK(parseStockMeta("16\n1,46\n5,92\n") == StockMeta{16, {1, 46}, {5, 92}});
    CHECK(parseStockMeta("-3\n0,0\n0,0\n") == StockMeta{-3, {}, {}});
    CHECK(formatStockMeta({16, {1, 46}, {5, 92}}) == "16\n1,46\n5,92\n");
    CHECK(parseStockMeta(formatStockMeta(emptyStockMeta(7))) == StockMeta{0, {7, 0}, {7, 0}});
    for (const char* damaged :
         {"", "\n", "16\n1,46\n5,92", "16\n1,46\n5,92\n\n", "16\n1,46\n5,92\nx", " 16\n1,46\n5,92\n",
          "16\n1,46\n5\n", "16\n1;46\n5,92\n", "16\n1,-46\n5,92\n", "+16\n1,46\n5,92\n", "16\n01,46\n5,92\n",
          "16\n1,46\n0,92\n", "16\n1,46\n1,45\n", "16\n1,99999999999999999999\n5,92\n",
          "16\n1,46\n1000000000000001,0\n", "16\n1,46\n5,1000000000000001\n",
          "99999999999999999999\n1,46\n5,92\n"})
        CHECK_FALSE(parseStockMeta(damaged));
}

TEST_CASE("removal leaves no file of the queue and all others", "[stock_queue]") {
    const StockDirectory directory;
    directory.meta("4\n0,0\n2,31\n");
    for (int number = 0; number < 3; ++number) directory.data(number, stockRecord("b"));
    directory.put("t.diskqueue.000007.dat.bad", "bad");
    directory.put("t:c.diskqueue.000000.dat", stockRecord("other"));
    REQUIRE(removeStockQueues({}));
    REQUIRE(removeStockQueues(std::vector<StockRemoval>{{directory.list().at(0)}}));
    CHECK(described(directory) == std::vector<std::string>{"t:c 0"});
    CHECK(directory.read("t.diskqueue.000007.dat.bad") == "bad");
    CHECK(directory.count() == 2);
}

TEST_CASE("removal sets files aside as .bad and replaces none that is there", "[stock_queue]") {
    const StockDirectory directory;
    directory.data(0, "zero");
    directory.data(1, "one");
    directory.data(2, "two");
    directory.put("t.diskqueue.000001.dat.bad", "before");
    REQUIRE(removeStockQueues(std::vector<StockRemoval>{{directory.list().at(0), {0, 1}}}));
    CHECK(directory.read("t.diskqueue.000000.dat.bad") == "zero");
    CHECK(directory.read("t.diskqueue.000001.dat.bad") == "before");
    CHECK(directory.read("t.diskqueue.000001.dat.bad.1") == "one");
    CHECK(directory.count() == 3);
}

/// Makes the removal of the data file `number` fail: a directory is in its place.
void obstruct(const StockDirectory& directory, std::uint64_t number) {
    std::filesystem::rename(directory / StockDirectory::dataName(number), directory / "kept");
    std::filesystem::create_directory(directory / StockDirectory::dataName(number));
}

void release(const StockDirectory& directory, std::uint64_t number) {
    std::filesystem::remove(directory / StockDirectory::dataName(number));
    std::filesystem::rename(directory / "kept", directory / StockDirectory::dataName(number));
}

TEST_CASE("of a removal interrupted at any file nothing is imported again", "[stock_queue]") {
    const bool hasMeta = GENERATE(true, false);
    for (std::uint64_t at = 0; at < 4; ++at) {
        const StockDirectory directory;
        if (hasMeta) directory.meta("4\n0,31\n3,31\n");
        for (int number = 0; number < 4; ++number) directory.data(number, stockRecord("b"));
        const std::vector<StockRemoval> removal{{directory.list().at(0)}};
        REQUIRE(test::readQueue(removal.front().queue).bodies.size() == (hasMeta ? 3 : 4));
        obstruct(directory, at);
        const auto removed = removeStockQueues(removal);
        REQUIRE_FALSE(removed);
        CHECK(removed.error().text.find("cannot be removed") != std::string::npos);
        release(directory, at);
        const StockQueue rest = directory.list().at(0);
        CHECK(rest.files.size() == 4 - at);
        CHECK(directory.read("t.diskqueue.meta.dat") == "0\n4,0\n4,0\n");
        const test::StockContent again = test::readQueue(rest);
        CHECK(again.bodies.empty());
        CHECK(again.report.warnings.empty());
        CHECK(again.report.setAside.empty());
        REQUIRE(removeStockQueues(std::vector<StockRemoval>{{rest, again.report.setAside}}));
        CHECK(directory.count() == 0);
    }
}

TEST_CASE("a removal that cannot begin leaves the queue as it is", "[stock_queue]") {
    const StockDirectory directory;
    directory.meta("2\n0,0\n1,31\n");
    directory.data(0, stockRecord("a"));
    directory.data(1, stockRecord("b"));
    const std::vector<StockRemoval> removal{{directory.list().at(0)}};
    std::filesystem::create_directory(directory / "t.diskqueue.meta.dat.tmp");
    CHECK_FALSE(removeStockQueues(removal));
    CHECK(test::readOnly(directory).bodies == std::vector<std::string>{"a", "b"});
    CHECK_FALSE(test::withoutFileDescriptors([&] { return removeStockQueues(removal); }));
    CHECK(test::readOnly(directory).bodies == std::vector<std::string>{"a", "b"});
}

TEST_CASE("a drained queue is removed without a new meta file, if nothing is behind it", "[stock_queue]") {
    const StockDirectory directory;
    // The name a new meta file would need is taken: what has to write one fails.
    std::filesystem::create_directory(directory / "t.diskqueue.meta.dat.tmp");
    const auto removes = [&directory] {
        return removeStockQueues(std::vector<StockRemoval>{{directory.list().at(0)}}).ok();
    };
    directory.meta("0\n1,31\n1,31\n");
    CHECK(removes());
    directory.meta("0\n1,31\n1,31\n");
    directory.data(1, stockRecord("b"));
    CHECK(removes());
    CHECK(directory.count() == 1);
    directory.meta("0\n1,31\n1,31\n");
    directory.data(1, stockRecord("b") + stockRecord("behind writePos"));
    CHECK_FALSE(removes());
    directory.data(1, stockRecord("b"));
    directory.data(2, stockRecord("behind the write file"));
    CHECK_FALSE(removes());
    std::filesystem::remove(directory / StockDirectory::dataName(2));
    directory.meta("1\n1,0\n1,31\n");
    CHECK_FALSE(removes());
    directory.meta("0\n1,32\n1,32\n");  // ends before readPos: read from its beginning
    CHECK_FALSE(removes());
}

}  // namespace
}  // namespace nsq::storage
