#include "storage/stock_queue_reader.h"

#include <catch2/catch.hpp>

#include "unit/storage/stock_fixture.h"

namespace nsq::storage {
namespace {

using test::kMaxMsgSize;
using test::readOnly;
using test::StockContent;
using test::StockDirectory;
using test::stockRecord;
using test::stockRecords;
using Bodies = std::vector<std::string>;
using Numbers = std::vector<std::uint64_t>;

/// A record with a body of one byte (bytes).
constexpr std::size_t kSmall = 31;

bool warns(const StockContent& content, const std::string& text) {
    for (const std::string& warning : content.report.warnings)
        if (warning.find(text) != std::string::npos) return true;
    return false;
}

bool isWhole(const StockContent& content) {
    return content.report.lostBytes == 0 && content.report.warnings.empty() &&
           content.report.setAside.empty() && content.report.bytes == content.totalBytes &&
           content.report.messages == content.bodies.size();
}

TEST_CASE("a message has the fields of its record", "[stock_queue_reader]") {
    const StockDirectory directory;
    directory.meta("1\n0,0\n0,34\n");
    directory.data(0, stockRecord("body", 0x0102, "fedcba9876543210", 0x1122334455667788));
    auto reader = StockQueueReader::open(directory.list().at(0), kMaxMsgSize).value();
    const StockMessage message = reader.next().value().value();
    CHECK(message.timestampNs == 0x1122334455667788);
    CHECK(message.attempts == 0x0102);
    CHECK(sdk::asText(message.id) == "fedcba9876543210");
    CHECK(sdk::asText(message.body) == "body");
    CHECK_FALSE(reader.next().value());
    CHECK_FALSE(reader.next().value());
    CHECK(reader.report().bytes == 34);
}

TEST_CASE("reading begins at readPos and goes on through all files", "[stock_queue_reader]") {
    const StockDirectory directory;
    directory.meta("4\n9,31\n11,31\n");
    directory.data(9, stockRecords({"a", "b", "c"}));
    directory.data(10, stockRecords({"d"}));
    directory.data(11, stockRecords({"e"}));
    const StockContent content = readOnly(directory);
    CHECK(content.bodies == Bodies{"b", "c", "d", "e"});
    CHECK(isWhole(content));
    CHECK(content.totalBytes == 4 * kSmall);
    CHECK(content.report.salvaged == 0);
}

TEST_CASE("a file read to its end before stock went to the next is not damaged", "[stock_queue_reader]") {
    const StockDirectory directory;
    directory.meta("1\n0,31\n1,31\n");
    directory.data(0, stockRecord("a"));
    directory.data(1, stockRecord("b"));
    const StockContent content = readOnly(directory);
    CHECK(content.bodies == Bodies{"b"});
    CHECK(isWhole(content));
}

TEST_CASE("empty and drained queues give nothing", "[stock_queue_reader]") {
    const StockDirectory directory;
    directory.meta("0\n0,0\n0,0\n");
    CHECK(isWhole(readOnly(directory)));
    directory.meta("0\n3,31\n3,31\n");
    CHECK(isWhole(readOnly(directory)));
    directory.data(3, stockRecord("a"));
    const StockContent content = readOnly(directory);
    CHECK(content.bodies.empty());
    CHECK(isWhole(content));
    // The write file is named at once, and made with its first record.
    directory.meta("1\n3,0\n4,0\n");
    CHECK(readOnly(directory).bodies == Bodies{"a"});
    CHECK(isWhole(readOnly(directory)));
}

TEST_CASE("what was written after the last sync is salvaged", "[stock_queue_reader]") {
    const StockDirectory directory;
    directory.meta("1\n0,31\n0,62\n");
    directory.data(0, stockRecords({"a", "b", "c", "d"}));
    directory.data(1, stockRecords({"e"}));
    const StockContent content = readOnly(directory);
    CHECK(content.bodies == Bodies{"b", "c", "d", "e"});
    CHECK(isWhole(content));
    CHECK(content.report.salvaged == 3);
}

TEST_CASE("the rest of an old file that stock has written over is no message", "[stock_queue_reader]") {
    const StockDirectory directory;
    // As stock leaves it after kill -9 before the first sync, a start and a clean stop.
    const std::string old = stockRecords({"old, of 15 byte", "old, of 15 byte"});
    const std::string fresh = stockRecord("new");
    directory.meta("1\n0,0\n0,33\n");
    directory.data(0, fresh + old.substr(fresh.size()));
    const StockContent content = readOnly(directory);
    CHECK(content.bodies == Bodies{"new"});
    CHECK(warns(content, "t.diskqueue.000000.dat: byte 33: a record of "));
    CHECK(content.report.lostBytes == old.size() - fresh.size());
    CHECK(content.report.setAside == Numbers{0});
}

TEST_CASE("behind writePos a record needs an id of stock's form", "[stock_queue_reader]") {
    const std::string id = GENERATE("0123456789abcdeF", "0123456789abcdeg", "/123456789abcdef",
                                    ":123456789abcdef", "0123456789abcd f", "`123456789abcdef");
    const StockDirectory directory;
    directory.data(0, stockRecord("a", 0, id) + stockRecord("b"));
    directory.meta("2\n0,0\n0,62\n");
    CHECK(readOnly(directory).bodies == Bodies{"a", "b"});
    directory.meta("0\n0,0\n0,0\n");
    const StockContent content = readOnly(directory);
    CHECK(content.bodies.empty());
    CHECK(warns(content, "000000.dat: byte 0: behind what the meta file vouches for, not a record"));
    CHECK(content.report.setAside == Numbers{0});
}

TEST_CASE("a torn last record is cut at every length of it", "[stock_queue_reader]") {
    // Behind writePos, within it, and without a meta file.
    const std::string meta = GENERATE("1\n0,0\n0,31\n", "2\n0,0\n0,64\n", "");
    const std::string whole = stockRecord("a") + stockRecord("last");
    for (std::size_t length = kSmall + 1; length < whole.size(); ++length) {
        const StockDirectory directory;
        if (!meta.empty()) directory.meta(meta);
        directory.data(0, whole.substr(0, length));
        const StockContent content = readOnly(directory);
        CHECK(content.bodies == Bodies{"a"});
        CHECK(warns(content, "000000.dat: byte 31: a record that runs past the end of the file; the last " +
                                 std::to_string(length - kSmall) + " bytes"));
        CHECK(content.report.lostBytes == length - kSmall);
        CHECK(content.report.bytes + content.report.lostBytes == content.totalBytes);
        CHECK(content.report.setAside.empty());
    }
}

TEST_CASE("a torn record ends its file, and reading goes on with the next", "[stock_queue_reader]") {
    const StockDirectory directory;
    directory.data(0, stockRecord("a") + stockRecord("torn").substr(0, 20));
    directory.data(1, stockRecord("b"));
    directory.meta("1\n0,0\n0,31\n");  // torn where stock stopped, before it went on in the next file
    StockContent content = readOnly(directory);
    CHECK(content.bodies == Bodies{"a", "b"});
    CHECK(content.report.setAside.empty());
    directory.meta("3\n0,0\n1,31\n");  // a whole record once
    content = readOnly(directory);
    CHECK(content.bodies == Bodies{"a", "b"});
    CHECK(content.report.setAside == Numbers{0});
}

TEST_CASE("a record of an impossible size ends its file, and reading goes on with the next",
          "[stock_queue_reader]") {
    const auto size = GENERATE(std::uint64_t{0}, 25, kMaxMsgSize + 27, 0x7fffffff, 0x80000000, 0xffffffff);
    const StockDirectory directory;
    directory.meta("5\n0,0\n1,31\n");
    directory.data(0,
                   stockRecord("a") + test::bigEndian(size, 4) + std::string(2'000, 'x') + stockRecord("b"));
    directory.data(1, stockRecord("c"));
    const StockContent content = readOnly(directory);
    CHECK(content.bodies == Bodies{"a", "c"});
    CHECK(warns(content, "000000.dat: byte 31: a record of " +
                             std::to_string(static_cast<std::int32_t>(size)) +
                             " bytes, not 26 to 1026; the last " + std::to_string(2'004 + kSmall) +
                             " bytes of the file are not read"));
    CHECK(content.report.lostBytes == 2'004 + kSmall);
    CHECK(content.report.setAside == Numbers{0});
}

TEST_CASE("the shortest and the longest record are read", "[stock_queue_reader]") {
    const StockDirectory directory;
    const std::string longest(kMaxMsgSize, 'l');
    directory.meta("2\n0,0\n0,1060\n");
    directory.data(0, stockRecord("") + stockRecord(longest));
    const StockContent content = readOnly(directory);
    CHECK(content.bodies == Bodies{"", longest});
    CHECK(isWhole(content));
}

TEST_CASE("records from when messages might be larger are read", "[stock_queue_reader]") {
    const StockDirectory directory;
    const std::string large(3 * kMaxMsgSize, 'l');
    directory.meta("4\n0,0\n1,3106\n");
    directory.data(0, stockRecord("a") + stockRecord(large) + stockRecord(large) + stockRecord("b"));
    directory.data(1, stockRecord(large));
    const StockContent content = readOnly(directory);
    CHECK(content.bodies == Bodies{"a", large, large, "b", large});
    CHECK(content.report.setAside.empty());
}

TEST_CASE("a damaged size does not make one large record of several", "[stock_queue_reader]") {
    const StockDirectory directory;
    directory.meta("3\n0,0\n0,9999\n");
    // Its id is one, but what would follow has none.
    std::string damaged = stockRecord("x");
    damaged.replace(0, 4, test::bigEndian(kMaxMsgSize + 100, 4));
    directory.data(0, stockRecord("a") + damaged + stockRecord(std::string(kMaxMsgSize, 'y')) +
                          stockRecord(std::string(kMaxMsgSize, 'z')));
    const StockContent content = readOnly(directory);
    CHECK(content.bodies == Bodies{"a"});
    CHECK(content.report.setAside == Numbers{0});
}

TEST_CASE("without a meta file all files are read from their beginning", "[stock_queue_reader]") {
    const StockDirectory directory;
    directory.data(4, stockRecords({"a", "b"}));
    directory.data(5, stockRecords({"c"}));
    StockContent content = readOnly(directory);
    CHECK(content.bodies == Bodies{"a", "b", "c"});
    CHECK(content.report.salvaged == 3);
    CHECK(content.report.warnings.size() == 1);
    CHECK(warns(content, "t.diskqueue.meta.dat: missing: "));
    CHECK(content.report.setAside.empty());
    directory.data(8, stockRecords({"d"}));
    content = readOnly(directory);
    CHECK(content.bodies == Bodies{"a", "b", "c", "d"});
    CHECK(warns(content, "t.diskqueue.000006.dat: missing, and the next 1 files as well"));
}

TEST_CASE("a meta file cut at any length is damaged: all is read", "[stock_queue_reader]") {
    const std::string meta = "2\n3,31\n4,31\n";
    for (std::size_t length = 0; length < meta.size(); ++length) {
        const StockDirectory directory;
        directory.meta(meta.substr(0, length));
        directory.data(3, stockRecords({"a", "b"}));
        directory.data(4, stockRecords({"c"}));
        const StockContent content = readOnly(directory);
        CHECK(content.bodies == Bodies{"a", "b", "c"});
        CHECK(warns(content, "t.diskqueue.meta.dat: damaged: "));
    }
    const StockDirectory directory;
    directory.meta(meta);
    std::filesystem::resize_file(directory / "t.diskqueue.meta.dat", std::uintmax_t{1} << 40);  // bytes
    directory.data(3, stockRecords({"a", "b"}));
    CHECK(readOnly(directory).bodies == Bodies{"a", "b"});
    std::filesystem::remove(directory / StockDirectory::dataName(3));
    CHECK(warns(readOnly(directory), "damaged"));
}

/// Reads a queue of `unread` messages with each bit of its file `name` flipped in turn.
void flipEachBit(const StockDirectory& directory, const std::string& name, std::size_t unread) {
    const std::string content = directory.read(name);
    for (std::size_t bit = 0; bit < 8 * content.size(); ++bit) {
        std::string flipped = content;
        flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
        directory.put(name, flipped);
        const StockContent read = readOnly(directory);
        CHECK(read.report.bytes + read.report.lostBytes == read.totalBytes);
        CHECK(read.report.messages == read.bodies.size());
        if (read.bodies.size() < unread) CHECK_FALSE(read.report.warnings.empty());
    }
    directory.put(name, content);
}

TEST_CASE("every bit of the meta and the data files flipped: it is read to the end, and loss is reported",
          "[stock_queue_reader]") {
    const StockDirectory directory;
    directory.meta("5\n0,31\n2,31\n");
    directory.data(0, stockRecords({"a", "b", "c"}));
    directory.data(1, stockRecords({"d", "e"}));
    directory.data(2, stockRecords({"f"}));
    flipEachBit(directory, "t.diskqueue.meta.dat", 5);
    for (int number = 0; number < 3; ++number) flipEachBit(directory, StockDirectory::dataName(number), 5);
}

TEST_CASE("files before readFileNum are not read, and kept", "[stock_queue_reader]") {
    const StockDirectory directory;
    directory.meta("1\n2,0\n2,31\n");
    for (int number = 0; number < 3; ++number) directory.data(number, stockRecord(std::to_string(number)));
    const StockContent content = readOnly(directory);
    CHECK(content.bodies == Bodies{"2"});
    CHECK(content.report.setAside == Numbers{0, 1});
    CHECK(warns(content, "t.diskqueue.000001.dat: not read: by the meta file it is done with"));
    CHECK(content.totalBytes == kSmall);
}

TEST_CASE("files before an empty queue are what a removal left", "[stock_queue_reader]") {
    const StockDirectory directory;
    directory.meta("0\n2,0\n2,0\n");
    for (int number = 0; number < 2; ++number) directory.data(number, stockRecord("x"));
    CHECK(isWhole(readOnly(directory)));
    directory.data(2, stockRecord("new"));  // a stock nsqd was started there, and killed
    CHECK(readOnly(directory).bodies == Bodies{"new"});
    for (const char* meta : {"1\n2,0\n2,0\n", "0\n2,31\n2,31\n", "0\n2,0\n2,31\n"}) {
        directory.meta(meta);
        CHECK(readOnly(directory).report.setAside == Numbers{0, 1});
    }
}

TEST_CASE("missing files are reported", "[stock_queue_reader]") {
    const StockDirectory directory;
    directory.meta("2\n0,31\n7,31\n");
    directory.data(1, stockRecord("a"));
    directory.data(3, stockRecord("b"));
    const StockContent content = readOnly(directory);
    CHECK(content.bodies == Bodies{"a", "b"});
    CHECK(content.report.warnings.size() == 3);
    CHECK(warns(content, "t.diskqueue.000000.dat: missing"));
    CHECK(warns(content, "t.diskqueue.000002.dat: missing"));
    CHECK(warns(content, "t.diskqueue.000004.dat: missing, and the next 3 files as well"));
    // Numbers are not counted through.
    directory.meta("9\n0,0\n900000000000000,31\n");
    CHECK(readOnly(directory).bodies == Bodies{"a", "b"});
    directory.meta("9\n4,0\n5,0\n");
    CHECK(warns(readOnly(directory), "t.diskqueue.000004.dat: missing"));
}

TEST_CASE("fewer messages than the meta file counts are reported once", "[stock_queue_reader]") {
    const StockDirectory directory;
    directory.meta("3\n0,31\n0,93\n");  // a readPos of 0 become 31
    directory.data(0, stockRecords({"a", "b", "c"}));
    auto reader = StockQueueReader::open(directory.list().at(0), kMaxMsgSize).value();
    while (reader.next().value()) continue;
    CHECK_FALSE(reader.next().value());
    CHECK(reader.report().warnings ==
          Bodies{(directory / "t.diskqueue.meta.dat").string() + ": counts 3 messages, 2 were read"});
    directory.meta("-3\n0,31\n0,93\n");
    CHECK(isWhole(readOnly(directory)));
}

TEST_CASE("files that end before the meta file's positions are reported", "[stock_queue_reader]") {
    const StockDirectory directory;
    directory.data(0, stockRecords({"a", "b"}));
    directory.meta("9\n0,31\n0,93\n");
    StockContent content = readOnly(directory);
    CHECK(content.bodies == Bodies{"b"});
    CHECK(warns(content, "000000.dat: ends at byte 62, before the meta file's writePos 93"));
    directory.meta("9\n0,63\n0,93\n");
    content = readOnly(directory);
    CHECK(content.bodies == Bodies{"a", "b"});
    CHECK(
        warns(content,
              "000000.dat: read from its beginning: it ends at byte 62, before the meta file's readPos 63"));
    CHECK(content.report.bytes == content.totalBytes);
}

TEST_CASE("too many open files is no damage: the call is repeated", "[stock_queue_reader]") {
    const StockDirectory directory;
    directory.meta("2\n0,0\n1,31\n");
    directory.data(0, stockRecord("a"));
    directory.data(1, stockRecord("b"));
    const StockQueue queue = directory.list().at(0);
    const auto opened =
        test::withoutFileDescriptors([&] { return StockQueueReader::open(queue, kMaxMsgSize); });
    REQUIRE_FALSE(opened);
    CHECK(opened.error().code == sdk::ErrorCode::kStorage);
    auto reader = StockQueueReader::open(queue, kMaxMsgSize).value();
    CHECK(sdk::asText(reader.next().value()->body) == "a");
    for (int i = 0; i < 2; ++i) {
        const auto message = test::withoutFileDescriptors([&] { return reader.next(); });
        REQUIRE_FALSE(message);
        CHECK(message.error().text.find("1.dat: cannot be opened: Too many open files") != std::string::npos);
    }
    CHECK(sdk::asText(reader.next().value()->body) == "b");
    CHECK_FALSE(reader.next().value());
    CHECK(reader.report().warnings.empty());
}

TEST_CASE("a file that cannot be read is an error, not the end of the queue", "[stock_queue_reader]") {
    const StockDirectory directory;
    const std::string large(100'000, 'l');
    std::string content;
    for (int i = 0; i < 10; ++i) content += stockRecord(large);
    directory.meta("10\n0,0\n0," + std::to_string(content.size()) + "\n");
    directory.data(0, content);
    auto reader = StockQueueReader::open(directory.list().at(0), large.size()).value();
    REQUIRE(reader.next().value());
    std::filesystem::resize_file(directory / StockDirectory::dataName(0), 500'000);
    sdk::Result<std::optional<StockMessage>> message = reader.next();
    for (int i = 0; i < 10 && message; ++i) message = reader.next();
    REQUIRE_FALSE(message);
    CHECK(message.error().text.find("became shorter while it was read") != std::string::npos);
    test::writeFile(directory / StockDirectory::dataName(0), sdk::asBytes(content));  // the same file again
    while (reader.next().value()) continue;
    CHECK(reader.report().messages == 10);
    CHECK(reader.report().warnings.empty());
    const StockQueue queue = directory.list().at(0);
    std::filesystem::remove(directory / StockDirectory::dataName(0));
    CHECK_FALSE(StockQueueReader::open(queue, kMaxMsgSize).value().next());
    std::filesystem::remove(directory / "t.diskqueue.meta.dat");
    CHECK_FALSE(StockQueueReader::open(queue, kMaxMsgSize));
}

TEST_CASE("records at all places of the reader's buffer and longer ones", "[stock_queue_reader]") {
    const StockDirectory directory;
    Bodies bodies;
    for (std::size_t i = 0; i < 2'000; ++i) bodies.emplace_back(i % 977, static_cast<char>('a' + i % 26));
    bodies.insert(bodies.begin() + 1'000, std::string(700'000, 'L'));
    const std::string content = stockRecords(bodies);
    directory.meta("2001\n0,0\n0," + std::to_string(content.size()) + "\n");
    directory.data(0, content);
    const StockContent read = readOnly(directory, 700'000);
    CHECK(read.bodies == bodies);
    CHECK(isWhole(read));
}

}  // namespace
}  // namespace nsq::storage
