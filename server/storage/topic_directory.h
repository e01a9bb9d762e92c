#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace nsq::storage {

/// Where a topic's files are below the data directory. A leading dot of a name is written `%2e`, so that no
/// topic is called `.` or `..` on the disk; no name contains a `%`.
std::filesystem::path topicDirectory(const std::filesystem::path& dataPath, std::string_view topic);

/// The name of the topic that has this directory; empty when none can have it.
std::string topicOf(const std::filesystem::path& directory);

/// The state of a topic and its channels, and the log from some sequence number on, within topicDirectory.
std::filesystem::path stateFile(const std::filesystem::path& directory);
std::filesystem::path segmentFile(const std::filesystem::path& directory, std::uint64_t firstSeq);

/// Of an import of stock queues; see ImportJournal.
std::filesystem::path importFile(const std::filesystem::path& directory);
std::filesystem::path importedFile(const std::filesystem::path& directory);

}  // namespace nsq::storage
