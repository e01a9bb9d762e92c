#pragma once

#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "nsq/sdk/loop.h"

namespace nsq::broker {

class Topic;

/// Brings what was written onto the disk: one thread, one sync at a time, each covering all that was written
/// so far, so that many publishers share one.
class Syncer {
public:
    /// Somebody who waits on a loop for topics to be synced. It must not be destroyed before it was told.
    struct Request {
        std::vector<std::shared_ptr<Topic>> topics;
        sdk::Loop* loop = nullptr;
        sdk::LoopTask* done = nullptr;  ///< posted to `loop`; Topic::outcome tells how it went
    };

    /// `fileSystem`: where many topics are to be synced at once, the whole file system which has this
    /// directory is; it does not matter who else waits for that. Empty: each file for itself.
    explicit Syncer(std::filesystem::path fileSystem);
    ~Syncer();

    /// Syncs the topics and tells. THREAD: any.
    void sync(Request request);

    /// Syncs a topic and waits for it. THREAD: any that may block.
    void syncNow(std::vector<std::shared_ptr<Topic>> topics);

    /// Does what was asked for, unless nobody waits for it and `hurries`, and ends. THREAD: any but its own.
    void stop(bool hurries);

private:
    void run();
    bool syncAll(const std::vector<Topic*>& topics) const;

    const std::filesystem::path fileSystem_;
    std::mutex mutex_;
    std::condition_variable wake_;
    std::condition_variable finished_;
    std::vector<Request> requests_;
    std::uint64_t asked_ = 0;  ///< requests so far
    std::uint64_t done_ = 0;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace nsq::broker
