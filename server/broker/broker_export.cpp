// How everything is written as a stock nsqd's data directory.

#include "broker/broker.h"
#include "nsq/sdk/names.h"
#include "storage/file_io.h"

namespace nsq::broker {

namespace fs = std::filesystem;

using sdk::Error;
using sdk::ErrorCode;
using sdk::Result;

namespace {

/// What is in the data directory would be taken for a topic, or kept from being empty, at the next start.
Result<bool> isWithin(const fs::path& directory, const fs::path& dataPath) {
    std::error_code failure;
    const fs::path inside = fs::weakly_canonical(directory, failure);
    const fs::path relative = failure ? inside : fs::relative(inside, dataPath, failure);
    if (failure) return storage::storageError(directory, "cannot be resolved", failure.value());
    return *relative.begin() != "..";
}

}  // namespace

Result<void> Broker::openForExport() {
    const Error notOurs{ErrorCode::kStorage,
                        config_.dataPath.string() +
                            ": has files of a stock nsqd: start the server once, it takes "
                            "them over, and export then"};
    const auto queues = storage::listStockQueues(config_.dataPath);
    if (!queues) return queues.error();
    std::error_code failure;
    if (queues.value().empty() && !fs::exists(config_.dataPath / "topics", failure) && !failure)
        return Error{ErrorCode::kStorage, config_.dataPath.string() + ": no data directory of this server"};
    if (!queues.value().empty()) return notOurs;
    keeper_.stop();  // it would save, and remove files
    lease_ = storage::SequenceLease::none();
    makeContext();
    const auto foreign = restoreTopics();
    if (!foreign) return foreign.error();
    return foreign.value().empty() ? Result<void>{} : notOurs;
}

Result<ExportSummary> Broker::exportTo(const fs::path& directory) const {
    const auto isInside = isWithin(directory, config_.dataPath);
    if (!isInside) return isInside.error();
    if (isInside.value())
        return Error{ErrorCode::kInvalid, directory.string() + ": within the data directory"};
    StockExport stock{directory, static_cast<std::uint64_t>(config_.maxBytesPerFile)};
    if (auto begun = stock.begin(); !begun) return begun.error();
    for (const TopicPtr& topic : topics()) {
        if (auto added = stock.add(*topic); !added) return added.error();
    }
    if (auto ended = stock.end(); !ended) return ended.error();
    ExportSummary summary = stock.summary();
    for (const TopicPtr& topic : topics()) summary.damaged += topic->damagedBatches();
    return summary;
}

}  // namespace nsq::broker
