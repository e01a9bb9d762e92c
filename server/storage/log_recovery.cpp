#include "storage/log_recovery.h"

#include <fcntl.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "storage/batch.h"
#include "storage/topic_directory.h"

namespace nsq::storage {

namespace fs = std::filesystem;

namespace {

/// Read at once (chosen, bytes).
constexpr std::size_t kScanSize = 1 << 20;

/// The number in the name of a segment file. Copies that somebody made under similar names are none.
std::optional<std::uint64_t> firstSeqOf(const fs::path& path) {
    const std::string digits = path.stem().string();
    std::uint64_t number = 0;
    const auto [rest, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (error != std::errc{} || number > TopicLog::kSeqMask) return std::nullopt;
    if (segmentFile(path.parent_path(), number) != path) return std::nullopt;
    return number;
}

/// Segments of `directory`, in order. A file that was being made when the server died has no header and
/// nothing else: it is removed.
sdk::Result<std::vector<SegmentPtr>> segmentsIn(const fs::path& directory, LogStore& store) {
    std::vector<SegmentPtr> segments;
    std::error_code failure;
    fs::directory_iterator entry{directory, failure};
    for (; !failure && entry != fs::directory_iterator{}; entry.increment(failure)) {
        const auto firstSeq = firstSeqOf(entry->path());
        if (!firstSeq && entry->path().extension() == ".log")
            store.note(entry->path().string() + ": left alone: not the name of a file of the log");
        if (!firstSeq || !entry->is_regular_file(failure)) {
            if (failure) break;
            continue;
        }
        const std::uint64_t size = entry->file_size(failure);
        if (failure) break;
        if (size > disk::kFirstBatch) {
            segments.push_back(Segment::existing(entry->path(), *firstSeq, size));
        } else {
            store.note(entry->path().string() + ": removed: shorter than a header");
            fs::remove(entry->path(), failure);
        }
    }
    if (failure && failure != std::errc::no_such_file_or_directory) {
        return storageError(directory, "cannot be read", failure.value());
    }
    std::ranges::sort(segments, {}, &Segment::firstSeq);
    return segments;
}

/// Cuts a file that exists, and is longer, at `size`.
sdk::Result<void> cutFile(const fs::path& path, std::uint64_t size) {
    std::error_code failure;
    const std::uintmax_t before = fs::file_size(path, failure);
    if (failure == std::errc::no_such_file_or_directory) return {};
    if (failure) return storageError(path, "cannot be examined", failure.value());
    if (before > size) fs::resize_file(path, size, failure);
    if (failure) return storageError(path, "cannot be cut", failure.value());
    const auto file = openFile(path, O_WRONLY);
    return file ? syncFile(file.value(), path) : file.error();
}

/// Reads a log to its end.
class Scan {
public:
    Scan(LogStore& store, std::vector<SegmentPtr> segments, const TopicState* from)
        : store_(store), segments_(std::move(segments)) {
        if (from == nullptr) return;
        result_.nextSeq = from->nextSeq;
        result_.end.index = from->end.index;
        beginSeq_ = from->end.segment;
        beginOffset_ = from->end.offset;
    }

    sdk::Result<RecoveredLog> run() {
        for (const SegmentPtr& segment : segments_) {
            if (segment->firstSeq() < beginSeq_) continue;
            const bool isFirst = segment->firstSeq() == beginSeq_ && beginOffset_ > disk::kFirstBatch;
            if (auto read = readSegment(segment, isFirst ? beginOffset_ : disk::kFirstBatch); !read)
                return read.error();
        }
        if (auto found = findEnd(); !found) return found.error();
        return std::move(result_);
    }

private:
    sdk::Result<void> readSegment(const SegmentPtr& segment, std::uint64_t offset) {
        if (offset > segment->size()) {
            store_.note(segment->path().string() + ": " + std::to_string(offset - segment->size()) +
                        " bytes are missing at its end");
        }
        while (offset < segment->size()) {
            const auto chunk = readChunk(segment, offset, segment->size(), kScanSize, store_.account());
            if (!chunk) return chunk.error();
            if (const ExtentPtr& extent = chunk.value().extent) {
                readBatches(*extent);
                offset = extent->end();
                continue;
            }
            const Damage& damage = chunk.value().damage;
            const bool isAside = store_.report(segment, damage);
            if (damage.to == segment->size() && segment == segments_.back()) {
                // Without a copy it stays as it is, and the log goes on in a new file.
                if (isAside) segment->cut(damage.from);
                isTorn_ = !isAside;
                return {};
            }
            offset = damage.to;
        }
        return {};
    }

    void readBatches(const Extent& extent) {
        for (std::uint64_t at = extent.offset; at < extent.end();) {
            disk::BatchHeader header;
            std::memcpy(&header, extent.at(at), sizeof header);
            readBatch(header, {SegmentHold{extent.segment}, static_cast<std::uint32_t>(at)});
            at += batchSize(header);
        }
    }

    void readBatch(const disk::BatchHeader& header, const BatchPlace& place) {
        if (header.magic == disk::kMovedBatch) {
            result_.moved[header.firstSeq] = {header.firstSeq, place, header.dueNs};
            return;
        }
        result_.nextSeq = std::max(result_.nextSeq, header.firstSeq + header.count);
        if (header.magic == disk::kFreshBatch) {
            result_.end.index = std::max(result_.end.index, header.firstIndex + header.count);
            return;
        }
        for (std::uint64_t i = 0; i < header.count; ++i) {
            result_.deferred.push_back({header.firstSeq + i, place, header.dueNs});
        }
    }

    /// The last segment goes on, unless it cannot be appended to.
    sdk::Result<void> findEnd() {
        if (segments_.empty() || isTorn_) return {};
        const SegmentPtr& last = segments_.back();
        const auto salt = last->salt();
        if (!salt) return salt.error();
        if (!salt.value()) return {};
        // Never below what the saved state speaks of: its cursors would stand behind what comes next.
        if (last->firstSeq() < beginSeq_) return {};
        if (last->firstSeq() == beginSeq_ && last->size() < beginOffset_) return {};
        result_.end.segment = last;
        result_.end.offset = last->size();
        return {};
    }

    LogStore& store_;
    const std::vector<SegmentPtr> segments_;
    std::uint64_t beginSeq_ = 0;
    std::uint64_t beginOffset_ = 0;
    bool isTorn_ = false;  ///< the last file ends with damage
    RecoveredLog result_;
};

}  // namespace

sdk::Result<RecoveredLog> recoverLog(const fs::path& directory, const TopicState* from, LogStore& store) {
    auto segments = segmentsIn(directory, store);
    if (!segments) return segments.error();
    for (const SegmentPtr& segment : segments.value()) store.add(segment);
    return Scan{store, std::move(segments).value(), from}.run();
}

sdk::Result<void> cutLog(const fs::path& directory, const SavedCursor& end) {
    std::vector<fs::path> behind;
    std::error_code failure;
    for (fs::directory_iterator entry{directory, failure}; !failure && entry != fs::directory_iterator{};
         entry.increment(failure)) {
        const auto firstSeq = firstSeqOf(entry->path());
        const bool isEmptied = firstSeq == end.segment && end.offset <= disk::kFirstBatch;
        if (firstSeq > end.segment || isEmptied) behind.push_back(entry->path());
    }
    for (auto path = behind.begin(); !failure && path != behind.end(); ++path) fs::remove(*path, failure);
    if (failure) return storageError(directory, "cannot be cut", failure.value());
    if (auto cut = cutFile(segmentFile(directory, end.segment), end.offset); !cut) return cut;
    return syncDirectory(directory);
}

SegmentPtr segmentOf(const std::vector<SegmentPtr>& segments, std::uint64_t firstSeq) {
    const auto at = std::ranges::lower_bound(segments, firstSeq, {}, &Segment::firstSeq);
    return at == segments.end() ? nullptr : *at;
}

sdk::Result<LogCursor> toCursor(LogStore& store, const std::vector<SegmentPtr>& segments,
                                const SavedCursor& saved, std::uint64_t endIndex) {
    LogCursor cursor;
    cursor.index = saved.index;
    cursor.segment = segmentOf(segments, saved.segment);
    if (!cursor.segment) {
        // All that was there has been read. What comes next goes behind the last file, if there is one.
        if (!segments.empty()) cursor.segment = segments.back();
        cursor.offset = cursor.segment ? cursor.segment->size() : 0;
        cursor.index = endIndex;
        return cursor;
    }
    const bool isThere = cursor.segment->firstSeq() == saved.segment;
    // What was saved may be ahead of a log that lost its end with the machine's power.
    cursor.offset = isThere ? std::min(saved.offset, cursor.segment->size()) : disk::kFirstBatch;
    if (isThere && saved.seq == 0) return cursor;
    LogCursor inside = cursor;
    const auto run = readRun(store, inside);
    if (!run) return run.error();
    if (run.value().count == 0) {
        cursor.index = endIndex;
        return cursor;
    }
    const std::uint64_t first = run.value().firstSeq;
    cursor.index = inside.index - run.value().count;
    if (isThere && saved.seq > first && saved.seq <= first + run.value().count) {
        // In the middle of a batch: its messages before this one were taken.
        if (auto skipped = skip(store, cursor, saved.seq - first); !skipped) return skipped.error();
    }
    cursor.rest();
    return cursor;
}

SavedCursor toSaved(const LogCursor& cursor) {
    SavedCursor saved;
    saved.segment = cursor.segment ? cursor.segment->firstSeq() : 0;
    saved.offset = cursor.batchLeft > 0 ? cursor.batch : cursor.offset;
    saved.seq = cursor.batchLeft > 0 ? cursor.seq : 0;
    saved.index = cursor.index;
    return saved;
}

}  // namespace nsq::storage
