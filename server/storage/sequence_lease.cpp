#include "storage/sequence_lease.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <optional>
#include <string>

#include "checksum/crc32c.h"
#include "storage/file_io.h"
#include "storage/topic_log.h"

namespace nsq::storage {

namespace {

/// Numbers a second of real time stands for: a topic that publishes no faster than this on average (4 million
/// a second) stays behind the clock, and the 54 bits last until the year 2156.
constexpr int kBitsPerSecond = 22;

/// 2020-01-01T00:00:00Z in seconds since the Unix epoch.
constexpr std::int64_t kEpoch = 1577836800;

/// How far ahead a lease reaches: ten minutes of real time.
constexpr std::uint64_t kAhead = std::uint64_t{600} << kBitsPerSecond;

/// What the file holds: the number and its checksum.
std::string lineOf(std::uint64_t limit) {
    const std::string digits = std::to_string(limit);
    return digits + " " + std::to_string(crc32c(sdk::asBytes(digits))) + "\n";
}

/// The number in the file; nothing when it is damaged.
std::optional<std::uint64_t> parse(std::string_view text) {
    std::uint64_t limit = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), limit);
    if (error != std::errc{} || limit > TopicLog::kSeqMask || lineOf(limit) != text) return std::nullopt;
    return limit;
}

std::uint64_t clockNumber() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    const std::int64_t seconds = std::chrono::duration_cast<std::chrono::seconds>(now).count() - kEpoch;
    return static_cast<std::uint64_t>(std::max<std::int64_t>(seconds, 0)) << kBitsPerSecond;
}

}  // namespace

sdk::Result<std::unique_ptr<SequenceLease>> SequenceLease::open(const std::filesystem::path& file,
                                                                std::string& warning) {
    std::uint64_t floor = 0;
    std::error_code failure;
    if (std::filesystem::exists(file, failure) || failure) {
        sdk::Result<std::vector<std::byte>> content = readFile(file);
        if (!content) return content.error();
        if (const auto limit = parse(sdk::asText(content.value()))) {
            floor = *limit;
        } else {
            // Whatever it was, it reached no further than a lease ahead of the clock then.
            floor = clockNumber() + kAhead;
            warning = file.string() + ": damaged; message ids go on from the clock";
        }
    }
    std::unique_ptr<SequenceLease> lease{new SequenceLease(file, floor)};
    if (auto raised = lease->raise(std::max(floor, clockNumber()) + 1); !raised) return raised.error();
    return lease;
}

std::unique_ptr<SequenceLease> SequenceLease::none() {
    std::unique_ptr<SequenceLease> lease{new SequenceLease({}, 0)};
    lease->limit_.store(UINT64_MAX, std::memory_order_release);
    return lease;
}

sdk::Result<std::uint64_t> SequenceLease::begin() {
    std::uint64_t first;
    {
        const std::lock_guard lock{mutex_};
        first = std::max(floor_, clockNumber());
    }
    if (auto covered = cover(first + 1); !covered) return covered.error();
    return first;
}

void SequenceLease::retire(std::uint64_t end) {
    const std::lock_guard lock{mutex_};
    floor_ = std::max(floor_, end);
}

sdk::Result<void> SequenceLease::raise(std::uint64_t end) {
    const std::lock_guard lock{mutex_};
    if (end <= limit_.load(std::memory_order_relaxed)) return {};
    return write(end + kAhead);
}

sdk::Result<void> SequenceLease::close(std::uint64_t end) {
    const std::lock_guard lock{mutex_};
    return write(std::max(end, floor_));
}

sdk::Result<void> SequenceLease::write(std::uint64_t limit) {
    const std::string line = lineOf(limit);
    auto written = replaceFile(file_, sdk::asBytes(line));
    // On a full disk there is no room for a second file. Torn, it is found to be damaged, which is not that
    // bad.
    if (!written && overwriteFile(file_, sdk::asBytes(line))) written = syncDirectory(file_.parent_path());
    if (!written) return written;
    limit_.store(limit, std::memory_order_release);
    return {};
}

}  // namespace nsq::storage
