#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>

#include "nsq/sdk/result.h"

namespace nsq::storage {

/// Sees to it that no sequence number of any topic is ever handed out twice: not after a crash, not by a
/// topic deleted and made again, not when the clock steps back. A file holds a limit that all numbers handed
/// out so far are below; it is raised before the first number beyond it is used. A later start begins at that
/// limit. THREAD: any.
class SequenceLease {
public:
    /// Reads the file, if it exists, and takes a new lease. Where the file is damaged the clock must do, and
    /// what retire() is told: `warning` says so. kStorage.
    static sdk::Result<std::unique_ptr<SequenceLease>> open(const std::filesystem::path& file,
                                                            std::string& warning);

    /// For a run in which no number is handed out: there is no file.
    static std::unique_ptr<SequenceLease> none();

    /// Where a new topic, or one of an earlier run, begins: higher than every number handed out before.
    sdk::Result<std::uint64_t> begin();

    /// Call before numbers below `end` are used. Free but for a comparison most of the time.
    sdk::Result<void> cover(std::uint64_t end) {
        return end <= limit_.load(std::memory_order_acquire) ? sdk::Result<void>{} : raise(end);
    }

    /// A topic has used numbers below `end`, and is gone or of an earlier run.
    void retire(std::uint64_t end);

    /// No number is used any more, and `end` is above all that were: the next start may begin there.
    sdk::Result<void> close(std::uint64_t end);

private:
    SequenceLease(std::filesystem::path file, std::uint64_t floor) : file_(std::move(file)), floor_(floor) {}

    sdk::Result<void> raise(std::uint64_t end);
    sdk::Result<void> write(std::uint64_t limit);

    const std::filesystem::path file_;
    std::mutex mutex_;
    std::uint64_t floor_;
    std::atomic<std::uint64_t> limit_{0};
};

}  // namespace nsq::storage
