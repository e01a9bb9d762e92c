#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "broker/held_message.h"
#include "storage/metadata.h"

namespace nsq::broker {

class Topic;

struct ExportSummary {
    std::uint64_t topics = 0;
    std::uint64_t channels = 0;
    std::uint64_t messages = 0;  ///< of all channels, and of topics before their channels
    std::uint64_t deferred = 0;  ///< of them
    std::uint64_t damaged = 0;   ///< batches left out, which the log tells of
};

/// Makes a stock nsqd's data directory. As long as it is incomplete its nsqd.dat is none that a stock nsqd
/// starts with. THREAD: one at a time; nobody uses the topics.
class StockExport {
public:
    /// No queue file has more than `maxBytesPerFile` bytes unless a single message does.
    StockExport(std::filesystem::path directory, std::uint64_t maxBytesPerFile);

    /// Makes the directory. kInvalid when it is there and not empty, kStorage.
    sdk::Result<void> begin();

    /// Writes the queues of a topic and its channels. kStorage.
    sdk::Result<void> add(Topic& topic);

    /// It is complete, and on the disk. kStorage.
    sdk::Result<void> end();

    const ExportSummary& summary() const { return summary_; }

private:
    using Channel = std::optional<std::string>;
    using Visit = std::function<sdk::Result<void>(const HeldVisitor&)>;

    sdk::Result<void> writeQueue(const std::string& topic, const Channel& channel, const Visit& visitAll);
    std::filesystem::path metadataFile() const { return directory_ / "nsqd.dat"; }

    const std::filesystem::path directory_;
    const std::uint64_t maxBytesPerFile_;
    std::vector<storage::TopicMetadata> topics_;
    ExportSummary summary_;
};

}  // namespace nsq::broker
