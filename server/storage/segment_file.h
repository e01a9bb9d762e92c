#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "storage/file_io.h"
#include "storage/topic_log.h"

namespace nsq::storage {

/// Writes batches into a segment file; see disk_format.h. THREAD: one at a time.
class SegmentWriter {
public:
    /// `firstSeq` goes into the header.
    static sdk::Result<SegmentWriter> create(const std::filesystem::path& path, std::uint64_t firstSeq);

    sdk::Result<void> append(std::uint64_t firstSeq, std::uint32_t count, sdk::Bytes frames);

    /// Writes out what is buffered, syncs it, and gives the file its name: until then it bears a temporary
    /// one.
    sdk::Result<void> close();

    /// Bytes of the file so far.
    std::size_t size() const { return size_; }

private:
    SegmentWriter(std::filesystem::path path, File file);
    sdk::Result<void> flush();

    std::filesystem::path path_;
    File file_;
    std::vector<std::byte> buffer_;
    std::size_t size_ = 0;
};

/// A batch found in a segment file; `frames` point into the reader's memory.
struct SegmentBatch {
    std::uint64_t firstSeq;
    std::uint32_t count;
    sdk::Bytes frames;
};

/// What reading a segment gave beside its batches.
struct SegmentReport {
    std::size_t damagedBytes = 0;  ///< bytes that belong to no intact batch
    std::string text;              ///< what is wrong, for the log; empty when nothing is
};

/// Gives every intact batch of a segment file to `onBatch`, in order, and goes on behind damaged ones. An
/// error means that the file could not be read at all.
sdk::Result<SegmentReport> readSegment(const std::filesystem::path& path,
                                       const std::function<void(const SegmentBatch&)>& onBatch);

}  // namespace nsq::storage
