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
};

/// `<data-path>/nsqd.dat`: which topics and channels there are, in nsqd's own JSON.
/// kStorage when it cannot be written.
sdk::Result<void> writeMetadata(const std::filesystem::path& file, const std::vector<TopicMetadata>& topics);

/// Empty when the file does not exist. kStorage when it cannot be read or is not what nsqd writes. Topics and
/// channels with invalid names are left out, as nsqd does.
sdk::Result<std::vector<TopicMetadata>> readMetadata(const std::filesystem::path& file);

}  // namespace nsq::storage
