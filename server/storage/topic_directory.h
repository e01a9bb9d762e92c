#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace nsq::storage {

/// Where a topic's files are below the data directory. A leading dot of a name is written `%2e`, so that no
/// topic is called `.` or `..` on the disk; no name contains a `%`.
std::filesystem::path topicDirectory(const std::filesystem::path& dataPath, std::string_view topic);

/// The state of a channel, and of the topic itself, within topicDirectory.
std::filesystem::path channelStateFile(const std::filesystem::path& directory, std::string_view channel);
std::filesystem::path topicStateFile(const std::filesystem::path& directory);

/// Messages taken but not finished, and the log from some sequence number on.
std::filesystem::path pendingFile(const std::filesystem::path& directory);
std::filesystem::path segmentFile(const std::filesystem::path& directory, std::uint64_t firstSeq);

}  // namespace nsq::storage
