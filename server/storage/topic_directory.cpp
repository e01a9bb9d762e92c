#include "storage/topic_directory.h"

#include <cstdio>

namespace nsq::storage {

namespace {

std::string onDisk(std::string_view name) {
    return name.starts_with('.') ? "%2e" + std::string(name.substr(1)) : std::string(name);
}

}  // namespace

std::filesystem::path topicDirectory(const std::filesystem::path& dataPath, std::string_view topic) {
    return dataPath / "topics" / onDisk(topic);
}

std::filesystem::path channelStateFile(const std::filesystem::path& directory, std::string_view channel) {
    return directory / (onDisk(channel) + ".channel");
}

std::filesystem::path topicStateFile(const std::filesystem::path& directory) {
    return directory / "topic.state";
}

std::filesystem::path pendingFile(const std::filesystem::path& directory) {
    return directory / "pending.log";
}

std::filesystem::path segmentFile(const std::filesystem::path& directory, std::uint64_t firstSeq) {
    char name[32];
    std::snprintf(name, sizeof name, "%020llu.log", static_cast<unsigned long long>(firstSeq));
    return directory / name;
}

}  // namespace nsq::storage
