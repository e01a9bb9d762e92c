#pragma once

#include <spdlog/logger.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <list>
#include <mutex>
#include <string>
#include <string_view>

namespace nsq::faults {

/// A plugin, or a built-in protocol that is made like one: what its code did. THREAD: any.
class CodeOwner {
public:
    struct Counts {
        std::uint64_t connections;  ///< now
        std::uint64_t connectionsTotal;
        std::uint64_t requests;
        std::uint64_t errors;
        std::string lastError;
    };

    CodeOwner(std::string name, std::string file) : name_(std::move(name)), file_(std::move(file)) {}

    const std::string& name() const { return name_; }

    /// The path of its shared object; empty for what is built in.
    const std::string& file() const { return file_; }

    void connectionOpened();
    void connectionClosed() { connections_.fetch_sub(1, std::memory_order_relaxed); }
    void requestCame() { requests_.fetch_add(1, std::memory_order_relaxed); }
    void failed(std::string text);
    Counts counts() const;

    /// A thread did not come out of its code in time: it may be there until the process ends.
    void hangs() { hanging_ = true; }
    bool isHanging() const { return hanging_; }

private:
    const std::string name_;
    const std::string file_;
    std::atomic<std::uint64_t> connections_{0};
    std::atomic<std::uint64_t> connectionsTotal_{0};
    std::atomic<std::uint64_t> requests_{0};
    std::atomic<bool> hanging_{false};
    mutable std::mutex mutex_;  ///< guards the rest
    std::uint64_t errors_ = 0;
    std::string lastError_;
};

/// All owners of code that the server calls. They stay where they are. THREAD: any.
class CodeOwners {
public:
    CodeOwner& add(std::string name, std::string file);

    /// Whose shared object has the code at `address`; null: nobody's here, so it is the server's own or a
    /// library's.
    CodeOwner* ofAddress(const void* address);

private:
    std::mutex mutex_;
    std::list<CodeOwner> owners_;  ///< guarded by mutex_
};

/// How long to wait for what must end.
inline constexpr std::chrono::hours kForever{24 * 365};

/// Logs that `what` ("loop-0 does not stop") because of code of `owner` that has not returned after `limit`;
/// it counts as hanging from then on. Null: the server's own code.
void reportHang(spdlog::logger& logger, CodeOwner* owner, std::string_view what,
                std::chrono::milliseconds limit);

/// An address in the shared object that has the virtual functions of `object`, whose first member they are.
inline const void* codeOf(const void* object) {
    return *static_cast<const void* const*>(object);
}

}  // namespace nsq::faults
