// A stock nsqd's disk queue of any content: a meta file, unless it is empty, and two data files.

#include "fuzz/input.h"
#include "storage/stock_queue_reader.h"

namespace {

using namespace nsq;

constexpr std::size_t kMaxMsgSize = 100;

void readAll(const storage::StockQueue& queue) {
    auto reader = storage::StockQueueReader::open(queue, kMaxMsgSize);
    fuzz::check(reader.ok(), "a meta file that is there can be read");
    std::uint64_t messages = 0;
    for (;;) {
        const auto message = reader.value().next();
        fuzz::check(message.ok(), "files that are there can be read");
        if (!message.value()) break;
        ++messages;
    }
    const storage::StockReadReport& report = reader.value().report();
    fuzz::check(report.messages == messages && report.salvaged <= messages, "messages are counted");
    fuzz::check(report.bytes + report.lostBytes == reader.value().totalBytes(),
                "every byte is accounted for");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input{data, size};
    const std::filesystem::path& directory = fuzz::emptyDirectory();
    if (const sdk::Bytes meta = input.take(input.byte()); !meta.empty())
        test::writeFile(directory / "t.diskqueue.meta.dat", meta);
    test::writeFile(directory / "t.diskqueue.000000.dat", input.take(input.number()));
    test::writeFile(directory / "t.diskqueue.000001.dat", input.rest());
    const auto queues = storage::listStockQueues(directory);
    fuzz::check(queues.ok() && queues.value().size() == 1, "the queue is found");
    readAll(queues.value().front());
    return 0;
}
