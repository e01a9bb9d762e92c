#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "nsq/sdk/result.h"

namespace nsq::storage {

struct ChannelMetadata {
    std::string name;
    bool paused = false;
};

struct TopicMetadata {
    std::string name;
    bool paused = false;
    std::vector<ChannelMetadata> channels;
    std::uint32_t epoch = 0;  ///< TopicState::epoch; 0: not known
};

struct Metadata {
    std::vector<TopicMetadata> topics;
    bool isOurs = false;  ///< writeMetadata wrote it, and nobody changed it since
};

/// `<data-path>/nsqd.dat`: which topics and channels there are, in nsqd's own JSON, with a checksum beside it
/// that nsqd does not write. kStorage when it cannot be written.
sdk::Result<void> writeMetadata(const std::filesystem::path& file, const std::vector<TopicMetadata>& topics);

/// The same as a stock nsqd writes it: who starts with it takes everything over. kStorage.
sdk::Result<void> writeStockMetadata(const std::filesystem::path& file,
                                     const std::vector<TopicMetadata>& topics);

/// Empty when the file does not exist, or is not what nsqd writes: `warning` tells, and the file is kept
/// aside. kStorage when it cannot be read. Topics and channels with invalid names are left out, as nsqd does.
sdk::Result<Metadata> readMetadata(const std::filesystem::path& file, std::string& warning);

}  // namespace nsq::storage
