#pragma once

#include <spdlog/logger.h>

#include <condition_variable>
#include <filesystem>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "nsq/sdk/result.h"
#include "storage/metadata.h"

namespace nsq::broker {

/// Keeps nsqd.dat up to date on a thread of its own: many changes become one write, and no loop waits for it.
class MetadataWriter {
public:
    using Collect = std::function<std::vector<storage::TopicMetadata>()>;

    /// `collect` is called on the writer's thread and gives the present state.
    MetadataWriter(std::filesystem::path file, Collect collect, spdlog::logger& logger);
    ~MetadataWriter();

    /// Something changed; it will be written soon. THREAD: any.
    void changed();

    /// Waits until everything that changed before this call is written. kStorage when it could not be.
    /// THREAD: any that may block.
    sdk::Result<void> flush();

    /// Writes what is left and ends the thread.
    sdk::Result<void> stop();

    /// How the last write went. THREAD: any.
    sdk::Result<void> lastResult() const;

private:
    void run();

    const std::filesystem::path file_;
    const Collect collect_;
    spdlog::logger& logger_;
    mutable std::mutex mutex_;
    std::condition_variable wake_;
    std::condition_variable written_;
    std::uint64_t requested_ = 0;  ///< changes so far
    std::uint64_t done_ = 0;       ///< of them, those the file has, or could not be given
    std::uint64_t awaited_ = 0;    ///< of them, those somebody waits for
    sdk::Result<void> last_;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace nsq::broker
