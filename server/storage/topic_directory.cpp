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

std::string topicOf(const std::filesystem::path& directory) {
    const std::string name = directory.filename().string();
    if (name.starts_with('.')) return {};
    return name.starts_with("%2e") ? "." + name.substr(3) : name;
}

std::filesystem::path stateFile(const std::filesystem::path& directory) {
    return directory / "state";
}

std::filesystem::path importFile(const std::filesystem::path& directory) {
    return directory / "import";
}

std::filesystem::path importedFile(const std::filesystem::path& directory) {
    return directory / "imported";
}

std::filesystem::path segmentFile(const std::filesystem::path& directory, std::uint64_t firstSeq) {
    char name[32];
    std::snprintf(name, sizeof name, "%020llu.log", static_cast<unsigned long long>(firstSeq));
    return directory / name;
}

}  // namespace nsq::storage
