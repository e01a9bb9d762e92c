#pragma once

#include <sys/resource.h>

#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include "nsq/sdk/bytes.h"
#include "storage/stock_queue_reader.h"
#include "unit/storage/temporary_directory.h"

namespace nsq::test {

inline constexpr std::size_t kMaxMsgSize = 1'000;
inline const std::string kId = "0123456789abcdef";

/// The last `bytes` bytes of a number, the highest first.
inline std::string bigEndian(std::uint64_t value, int bytes) {
    std::string text;
    while (bytes-- > 0) text += static_cast<char>(value >> (8 * bytes));
    return text;
}

/// A record as go-diskqueue and nsqd write it, put together from the format's description.
inline std::string stockRecord(const std::string& body, std::uint16_t attempts = 0,
                               const std::string& id = kId,
                               std::uint64_t timestamp = 1'700'000'000'000'000'000) {
    return bigEndian(26 + body.size(), 4) + bigEndian(timestamp, 8) + bigEndian(attempts, 2) + id + body;
}

inline std::string stockRecords(const std::vector<std::string>& bodies) {
    std::string text;
    for (const std::string& body : bodies) text += stockRecord(body);
    return text;
}

/// A data directory of stock's with the files a test puts there.
class StockDirectory : public TemporaryDirectory {
public:
    void put(const std::string& name, const std::string& content) const {
        std::filesystem::remove(*this / name);  // ext4 syncs a file that is emptied and written again
        writeFile(*this / name, sdk::asBytes(content));
    }
    /// A data file of the topic t.
    void data(std::uint64_t number, const std::string& content) const { put(dataName(number), content); }
    /// The meta file of the topic t.
    void meta(const std::string& content) const { put("t.diskqueue.meta.dat", content); }

    static std::string dataName(std::uint64_t number) {
        const std::string digits = std::to_string(number);
        return "t.diskqueue." + std::string(6 - digits.size(), '0') + digits + ".dat";
    }

    std::string read(const std::string& name) const {
        std::ifstream file{*this / name, std::ios::binary};
        return {std::istreambuf_iterator<char>{file}, {}};
    }

    bool has(const std::string& name) const {
        return std::filesystem::exists(std::filesystem::symlink_status(*this / name));
    }

    std::size_t count() const {
        return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator{path()}, {}));
    }

    std::vector<storage::StockQueue> list() const { return storage::listStockQueues(path()).value(); }
};

/// All that one queue gives.
struct StockContent {
    std::vector<std::string> bodies;
    storage::StockReadReport report;
    std::uint64_t totalBytes = 0;
};

inline StockContent readQueue(const storage::StockQueue& queue, std::size_t maxMsgSize = kMaxMsgSize) {
    auto reader = storage::StockQueueReader::open(queue, maxMsgSize).value();
    StockContent content;
    for (;;) {
        const auto message = reader.next().value();
        if (!message) break;
        content.bodies.emplace_back(sdk::asText(message->body));
    }
    content.report = reader.report();
    content.totalBytes = reader.totalBytes();
    return content;
}

/// The only queue there.
inline StockContent readOnly(const StockDirectory& directory, std::size_t maxMsgSize = kMaxMsgSize) {
    return readQueue(directory.list().at(0), maxMsgSize);
}

/// What `call` returns while no file can be opened: EMFILE. Nothing else is done meanwhile: the undefined
/// behaviour sanitizer needs a descriptor for its checks of Catch's expressions.
template <typename Call>
auto withoutFileDescriptors(const Call& call) {
    rlimit before{};
    ::getrlimit(RLIMIT_NOFILE, &before);
    const rlimit none{0, before.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &none);
    auto result = call();
    ::setrlimit(RLIMIT_NOFILE, &before);
    return result;
}

}  // namespace nsq::test
