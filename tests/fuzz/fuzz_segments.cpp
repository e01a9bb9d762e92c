// A topic's log of two segment files of any content, with checksums that are right if the first byte of the
// input says so: recovery finds what can be read, and the log goes on.

#include <array>
#include <cstring>
#include <vector>

#include "checksum/crc32c.h"
#include "fuzz/input.h"
#include "storage/batch.h"
#include "storage/log_recovery.h"
#include "storage/topic_directory.h"

namespace {

using namespace nsq;
namespace disk = storage::disk;

constexpr unsigned kRepair = 1;
constexpr unsigned kFromState = 2;

/// Above all that is in the files, as the sequence lease sees to.
constexpr std::uint64_t kFirstSeq = std::uint64_t{1} << 40;

/// Of the files' headers.
constexpr std::uint64_t kNames[] = {100, 5000};

template <typename T>
T load(sdk::Bytes from) {
    T value;
    std::memcpy(&value, from.data(), sizeof value);
    return value;
}

template <typename T>
void store(std::span<std::byte> to, const T& value) {
    std::memcpy(to.data(), &value, sizeof value);
}

/// Makes all checksums right, so that what they protect is read. Versions and numbers become such as the
/// server gives.
void repair(std::span<std::byte> file) {
    if (file.size() < disk::kFirstBatch) return;
    std::uint32_t salt = 0;
    for (int copy = 1; copy >= 0; --copy) {
        const auto at = file.subspan(static_cast<std::size_t>(copy) * sizeof(disk::SegmentHeader));
        auto header = load<disk::SegmentHeader>(at);
        header.version = disk::kVersion;
        header.crc = crc32c(sdk::Bytes{at}.first(offsetof(disk::SegmentHeader, crc)));
        store(at, header);
        salt = header.salt;
    }
    std::span<std::byte> rest = file.subspan(disk::kFirstBatch);
    while (rest.size() >= sizeof(disk::BatchHeader)) {
        auto header = load<disk::BatchHeader>(rest);
        header.firstSeq &= kFirstSeq - 1;
        header.firstIndex &= kFirstSeq - 1;
        const std::size_t size = std::min<std::size_t>(storage::batchSize(header), rest.size());
        header.framesCrc = crc32c(sdk::Bytes{rest}.first(size).subspan(sizeof header));
        storage::sealHeader(header, salt);
        store(rest, header);
        rest = rest.subspan(size);
    }
}

storage::LogConfig configOf(const std::filesystem::path& directory) {
    storage::LogConfig config;
    config.directory = directory;
    return config;
}

/// A start of the server, as far as one topic's log is concerned.
class Start {
public:
    Start(const std::filesystem::path& directory, const storage::TopicState* from)
        : found_{storage::recoverLog(directory, from, *store_)} {
        if (!found_) return;
        log_.emplace(kFirstSeq, configOf(directory), store_);
        log_->resume(found_.value().end, found_.value().nextSeq);
    }

    bool isWell() const { return found_.ok(); }
    storage::TopicLog& log() { return *log_; }

    /// The frames that can be read from there on, one after another.
    std::vector<std::byte> readFrom(storage::LogCursor cursor) {
        std::vector<std::byte> frames;
        for (;;) {
            const auto run = storage::readRun(*store_, cursor);
            fuzz::check(run.ok(), "files that are there can be read");
            if (run.value().count == 0) return frames;
            frames.insert(frames.end(), run.value().frames().begin(), run.value().frames().end());
        }
    }

    void findMessagesOutOfOrder() {
        storage::FrameFinder finder{*store_};
        for (const storage::FoundMessage& message : found_.value().deferred) find(finder, message);
        for (const auto& [seq, message] : found_.value().moved) find(finder, message);
    }

    storage::LogCursor cursorOf(const storage::SavedCursor& saved) {
        const auto cursor = storage::toCursor(*store_, store_->segments(), saved, log_->end().index);
        fuzz::check(cursor.ok(), "a saved cursor has a place");
        return cursor.value();
    }

private:
    void find(storage::FrameFinder& finder, const storage::FoundMessage& message) {
        const auto at = finder.find(message.place, message.seq);
        fuzz::check(at.ok() && at.value().frame != nullptr, "a message that was found is there");
    }

    const std::shared_ptr<storage::LogStore> store_ = std::make_shared<storage::LogStore>(
        std::make_shared<std::atomic<std::int64_t>>(0), [](const std::string&) {});
    sdk::Result<storage::RecoveredLog> found_;
    std::optional<storage::TopicLog> log_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input{data, size};
    const unsigned flags = input.byte();
    storage::TopicState state;
    const storage::TopicState* const from = (flags & kFromState) != 0 ? &state : nullptr;
    if (from != nullptr) {
        state.nextSeq = input.number();
        state.end = {kNames[input.byte() % 2], input.number(), input.number(), input.number()};
    }
    const std::filesystem::path& directory = fuzz::emptyDirectory();
    const std::size_t firstSize = input.number();
    for (std::size_t i = 0; i < 2; ++i) {
        const sdk::Bytes given = i == 0 ? input.take(firstSize) : input.rest();
        if (given.empty()) continue;
        std::vector<std::byte> file{given.begin(), given.end()};
        if ((flags & kRepair) != 0) repair(file);
        test::writeFile(storage::segmentFile(directory, kNames[i]), file);
    }

    std::vector<std::byte> all;
    {
        Start start{directory, from};
        if (!start.isWell()) return 0;  // a format of another version
        start.findMessagesOutOfOrder();
        const std::vector<std::byte> before = start.readFrom({});
        const std::array body{sdk::asBytes("goes on")};
        const storage::LogCursor saved = start.cursorOf(state.end);
        start.log().append(body, 1);
        fuzz::check(start.log().commit().ok(), "the log goes on");
        all = start.readFrom({});
        fuzz::check(all.size() > before.size() && sdk::asText(all).ends_with("goes on"),
                    "behind what was there");
        fuzz::check(sdk::asText(start.readFrom(saved)).ends_with("goes on"), "a saved cursor comes to it");
    }
    Start again{directory, nullptr};
    fuzz::check(again.isWell() && again.readFrom({}) == all, "the next start finds the same");
    return 0;
}
