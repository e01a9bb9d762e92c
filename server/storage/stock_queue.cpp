#include "storage/stock_queue.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <map>
#include <tuple>
#include <utility>

#include "nsq/sdk/bytes.h"
#include "nsq/sdk/names.h"
#include "storage/file_io.h"

namespace nsq::storage {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kInfix = ".diskqueue.";
constexpr std::string_view kSuffix = ".dat";
constexpr std::string_view kMetaKind = "meta";

/// Between topic and channel; ';' on Windows, which names cannot contain either.
constexpr char kSeparator = ':';

/// Five numbers of 20 digits and their separators do not make a longer one (bytes).
constexpr std::uintmax_t kMaxMetaBytes = 128;

/// Far above what can occur, and far enough below 2^63 that stock can go on counting (chosen).
constexpr std::uint64_t kMaxNumber = 1'000'000'000'000'000;

/// A file name taken apart.
struct FileName {
    std::string topic;
    std::optional<std::string> channel;
    std::optional<std::uint64_t> number;  ///< nullopt: the meta file
};

std::string numberText(std::uint64_t number) {
    char text[24];
    const int length = std::snprintf(text, sizeof text, "%06llu", static_cast<unsigned long long>(number));
    return {text, static_cast<std::size_t>(length)};
}

std::optional<std::uint64_t> parseNumber(std::string_view text) {
    std::uint64_t number = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
    if (parsed.ec != std::errc{} || number >= kMaxNumber || numberText(number) != text) return std::nullopt;
    return number;
}

/// Removes a number and the character behind it from the front of `text`.
template <typename T>
bool takeNumber(std::string_view& text, T& number, char end) {
    const char* last = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), last, number);
    if (parsed.ec != std::errc{} || parsed.ptr == last || *parsed.ptr != end) return false;
    text = {parsed.ptr + 1, last};
    return true;
}

bool isDurableName(std::string_view name) {
    return sdk::isValidTopicName(name) && !sdk::isEphemeral(name);
}

/// From the right: a topic may be named `a.diskqueue.meta`.
std::optional<FileName> parseFileName(std::string_view name) {
    if (!name.ends_with(kSuffix)) return std::nullopt;
    name.remove_suffix(kSuffix.size());
    const std::size_t infix = name.rfind(kInfix);
    if (infix == std::string_view::npos) return std::nullopt;
    const std::string_view queue = name.substr(0, infix);
    const std::string_view kind = name.substr(infix + kInfix.size());
    FileName parsed;
    if (kind != kMetaKind) {
        parsed.number = parseNumber(kind);
        if (!parsed.number) return std::nullopt;
    }
    const std::size_t separator = queue.find(kSeparator);
    parsed.topic = queue.substr(0, separator);
    if (!isDurableName(parsed.topic)) return std::nullopt;
    if (separator == std::string_view::npos) return parsed;
    parsed.channel = queue.substr(separator + 1);
    return isDurableName(*parsed.channel) ? std::optional{parsed} : std::nullopt;
}

fs::path queueFile(const StockQueue& queue, std::string_view kind) {
    return queue.directory / queue.name().append(kInfix).append(kind).append(kSuffix);
}

using Queues = std::map<std::pair<std::string, std::optional<std::string>>, StockQueue>;

/// Adds a file of the directory to its queue, if it belongs to one.
sdk::Result<void> addFile(Queues& queues, const fs::directory_entry& entry) {
    const std::optional<FileName> name = parseFileName(entry.path().filename().native());
    if (!name) return {};
    std::error_code failure;
    const bool regular = entry.is_regular_file(failure);
    if (!regular && (!failure || failure == std::errc::no_such_file_or_directory)) return {};
    const std::uintmax_t bytes = failure ? 0 : entry.file_size(failure);
    if (failure) return storageError(entry.path(), "cannot be examined", failure.value());
    StockQueue& queue = queues[{name->topic, name->channel}];
    if (name->number) {
        queue.files.push_back({*name->number, bytes});
    } else {
        queue.hasMeta = true;
    }
    return {};
}

/// True when an import would read nothing of the queue, whichever of its data files are there.
bool isDrained(const StockQueue& queue, const std::optional<StockMeta>& meta) {
    if (queue.files.empty()) return true;
    if (!meta || meta->read != meta->write) return false;
    const auto& [number, bytes] = queue.files.back();
    return number < meta->write.file || StockPosition{number, bytes} == meta->write;
}

sdk::Result<void> declareEmpty(const StockQueue& queue) {
    const auto meta = readStockMeta(queue);
    if (!meta) return meta.error();
    if (isDrained(queue, meta.value())) return {};
    const std::string empty = formatStockMeta(emptyStockMeta(queue.files.back().number + 1));
    return replaceFile(queue.metaPath(), sdk::asBytes(empty));
}

sdk::Result<void> removeFile(const fs::path& path) {
    if (::unlink(path.c_str()) != 0) return storageError(path, "cannot be removed", errno);
    return {};
}

sdk::Result<void> setFileAside(const fs::path& path) {
    fs::path bad = path.string() + ".bad";
    std::error_code ignored;
    for (int copy = 1; fs::exists(fs::symlink_status(bad, ignored)); ++copy)
        bad = path.string() + ".bad." + std::to_string(copy);
    if (::rename(path.c_str(), bad.c_str()) != 0) return storageError(path, "cannot be set aside", errno);
    return {};
}

sdk::Result<void> removeDataFiles(const StockRemoval& removal) {
    for (const auto& [number, bytes] : removal.queue.files) {
        const fs::path path = removal.queue.dataPath(number);
        const bool kept = std::ranges::find(removal.setAside, number) != removal.setAside.end();
        if (auto removed = kept ? setFileAside(path) : removeFile(path); !removed) return removed;
    }
    return {};
}

}  // namespace

std::optional<StockMeta> parseStockMeta(std::string_view text) {
    StockMeta meta;
    auto& [depth, read, write] = meta;
    std::string_view rest = text;
    const bool whole = takeNumber(rest, depth, '\n') && takeNumber(rest, read.file, ',') &&
                       takeNumber(rest, read.byte, '\n') && takeNumber(rest, write.file, ',') &&
                       takeNumber(rest, write.byte, '\n');
    if (!whole || formatStockMeta(meta) != text || read > write) return std::nullopt;
    return std::max({read.file, read.byte, write.file, write.byte}) > kMaxNumber ? std::nullopt
                                                                                 : std::optional{meta};
}

std::string formatStockMeta(const StockMeta& meta) {
    const auto position = [](const StockPosition& at) {
        return std::to_string(at.file) + "," + std::to_string(at.byte) + "\n";
    };
    return std::to_string(meta.depth) + "\n" + position(meta.read) + position(meta.write);
}

StockMeta emptyStockMeta(std::uint64_t number) {
    return {0, {number, 0}, {number, 0}};
}

std::string StockQueue::name() const {
    return channel ? topic + kSeparator + *channel : topic;
}

fs::path StockQueue::metaPath() const {
    return queueFile(*this, kMetaKind);
}

fs::path StockQueue::dataPath(std::uint64_t number) const {
    return queueFile(*this, numberText(number));
}

sdk::Result<std::vector<StockQueue>> listStockQueues(const fs::path& directory) {
    Queues queues;
    std::error_code failure;
    for (fs::directory_iterator entry{directory, failure}, end; !failure && entry != end;
         entry.increment(failure)) {
        if (auto added = addFile(queues, *entry); !added) return added.error();
    }
    if (failure) return storageError(directory, "cannot be listed", failure.value());
    std::vector<StockQueue> list;
    for (auto& [name, queue] : queues) {
        queue.directory = directory;
        std::tie(queue.topic, queue.channel) = name;
        std::ranges::sort(queue.files, {}, &StockQueue::DataFile::number);
        list.push_back(std::move(queue));
    }
    return list;
}

sdk::Result<std::optional<StockMeta>> readStockMeta(const StockQueue& queue) {
    if (!queue.hasMeta) return std::optional<StockMeta>{};
    std::error_code failure;
    const std::uintmax_t bytes = fs::file_size(queue.metaPath(), failure);
    if (failure) return storageError(queue.metaPath(), "cannot be examined", failure.value());
    if (bytes > kMaxMetaBytes) return std::optional<StockMeta>{};
    const auto content = readFile(queue.metaPath());
    if (!content) return content.error();
    return parseStockMeta(sdk::asText(content.value()));
}

sdk::Result<void> removeStockQueues(std::span<const StockRemoval> removals) {
    if (removals.empty()) return {};
    const fs::path& directory = removals.front().queue.directory;
    for (const StockRemoval& removal : removals)
        if (auto declared = declareEmpty(removal.queue); !declared) return declared;
    // What an earlier run declared may not be on the disk yet.
    if (auto synced = syncDirectory(directory); !synced) return synced;
    for (const StockRemoval& removal : removals)
        if (auto removed = removeDataFiles(removal); !removed) return removed;
    if (auto synced = syncDirectory(directory); !synced) return synced;
    for (const StockRemoval& removal : removals)
        if (auto removed = removeFile(removal.queue.metaPath()); !removed) return removed;
    return syncDirectory(directory);
}

}  // namespace nsq::storage
