#include "broker/stock_export.h"

#include <algorithm>

#include "broker/topic.h"
#include "nsq/sdk/message.h"
#include "storage/batch.h"
#include "storage/file_io.h"
#include "storage/stock_queue_writer.h"

namespace nsq::broker {

namespace fs = std::filesystem;
namespace frame = sdk::frame;

namespace {

/// No JSON: a stock nsqd refuses to start with it.
constexpr std::string_view kIncomplete = "an export by nsqd-cpp that has not come to its end\n";

sdk::Result<void> append(storage::StockQueueWriter& writer, const HeldMessage& message) {
    const sdk::Bytes bytes{message.frame, storage::frameSize(message.frame)};
    // The frame in the log counts its first delivery.
    const int before = sdk::loadBig<std::uint16_t>(message.frame + frame::kAttemptsOffset) - 1;
    const auto attempts = static_cast<std::uint16_t>(std::min(before + message.deliveries, UINT16_MAX));
    return writer.append(sdk::loadBig<std::int64_t>(message.frame + frame::kTimestampOffset), attempts,
                         bytes.subspan(frame::kIdOffset).first<storage::stock::kIdLength>(),
                         bytes.subspan(frame::kBodyOffset));
}

}  // namespace

StockExport::StockExport(fs::path directory, std::uint64_t maxBytesPerFile)
    : directory_(std::move(directory)), maxBytesPerFile_(maxBytesPerFile) {}

sdk::Result<void> StockExport::begin() {
    std::error_code failure;
    fs::create_directory(directory_, failure);
    if (failure) return storage::storageError(directory_, "cannot be made", failure.value());
    const bool isEmpty = fs::is_empty(directory_, failure);
    if (failure) return storage::storageError(directory_, "cannot be read", failure.value());
    if (!isEmpty) return sdk::Error{sdk::ErrorCode::kInvalid, directory_.string() + ": not empty"};
    if (auto written = storage::replaceFile(metadataFile(), sdk::asBytes(kIncomplete)); !written)
        return written;
    return storage::syncDirectory(directory_.parent_path());
}

sdk::Result<void> StockExport::add(Topic& topic) {
    storage::TopicMetadata& metadata = topics_.emplace_back(topic.metadata());
    metadata.epoch = 0;
    ++summary_.topics;
    summary_.channels += metadata.channels.size();
    const auto ofTopic = [&](const HeldVisitor& visit) { return topic.visitHeld(visit); };
    if (auto written = writeQueue(topic.name(), std::nullopt, ofTopic); !written) return written;
    for (const storage::ChannelMetadata& channel : metadata.channels) {
        const auto ofChannel = [&](const HeldVisitor& visit) {
            return topic.channel(channel.name)->visitHeld(visit);
        };
        if (auto written = writeQueue(topic.name(), channel.name, ofChannel); !written) return written;
    }
    return {};
}

/// A queue without messages needs no files.
sdk::Result<void> StockExport::writeQueue(const std::string& topic, const Channel& channel,
                                          const Visit& visitAll) {
    std::optional<storage::StockQueueWriter> writer;
    auto visited = visitAll([&](const HeldMessage& message) -> sdk::Result<void> {
        if (!writer) {
            auto created = storage::StockQueueWriter::create(directory_, topic, channel, maxBytesPerFile_);
            if (!created) return created.error();
            writer = std::move(created).value();
        }
        ++summary_.messages;
        if (message.isDeferred) ++summary_.deferred;
        return append(*writer, message);
    });
    return visited && writer ? writer->close() : visited;
}

sdk::Result<void> StockExport::end() {
    return storage::writeStockMetadata(metadataFile(), topics_);
}

}  // namespace nsq::broker
