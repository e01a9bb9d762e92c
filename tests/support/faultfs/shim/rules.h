#pragma once

#include <sys/types.h>

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

namespace faultfs {

/// What a call is about. Creating a file is an open and a create, opening one for reading a look and an open.
enum class Call {
    kLook,
    kOpen,
    kCreate,
    kRead,
    kWrite,
    kAllocate,
    kSync,
    kTruncate,
    kRename,
    kUnlink,
    kMkdir
};

/// What shall become of a call: fail with `error`, or go on with at most `bytes` of its data. If it is
/// `held`, only when the rules are replaced.
struct Verdict {
    int error = 0;
    std::size_t bytes = SIZE_MAX;
    bool held = false;
};

/// The faults that are switched on: lines of a file, which is looked at before every call, so that replacing
/// it (with a rename) switches a running program. README.md has the lines' form. THREAD: any.
class Rules {
public:
    /// `path` need not exist: then there are no faults.
    explicit Rules(std::string path);

    /// `bytes`: how many a write is about to write.
    Verdict judge(Call call, std::size_t bytes = 0);

    /// Returns when the rules are others than now. Meanwhile a file beside them, `rules.held`, says so.
    void waitUntilReplaced();

private:
    struct Rule {
        std::vector<Call> calls;
        int error = 0;  ///< 0: writes are cut short, but succeed
        std::uint64_t every = 1;
        std::uint64_t seen = 0;
        bool hasRoom = false;
        std::size_t room = 0;  ///< bytes that can still be written before it fails
        bool holds = false;
        std::uint64_t times = UINT64_MAX;  ///< calls it still concerns

        static Rule parse(const std::string& line);
        Verdict judge(std::size_t bytes);
    };

    /// Which file was read: inode number and time of change, as numbers are used again.
    struct Version {
        ino_t number = 0;
        time_t seconds = 0;
        long nanoseconds = 0;

        bool operator==(const Version&) const = default;
    };

    void reloadIfReplaced();
    Version loaded();

    const std::string path_;
    std::mutex mutex_;
    Version loaded_;
    std::vector<Rule> rules_;
};

}  // namespace faultfs
