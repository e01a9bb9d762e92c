#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "place.h"

namespace faultfs {

/// What has been done to the data directory, in order, for a replay that knows what was durable when: see
/// ../journal.py, which reads it. Each record is one append, made when the call has succeeded and before it
/// returns, so that a SIGKILL loses no call of which anybody knows. Recording is on if the file exists; an
/// empty one begins with what is in the data directory, all of it taken for durable.
///
/// Nodes (files and directories) are named by inode number. THREAD: one at a time, together with the call.
class Journal {
public:
    explicit Journal(std::string path);

    /// Where the next record goes. To be called before the call that is to be recorded: it opens the journal.
    std::uint64_t position(const Place& place);

    void create(const Entry& entry, ino_t node);
    void mkdir(const Entry& entry, ino_t node);
    void unlink(const Entry& entry);
    void rename(const Entry& from, const Entry& to);
    void write(ino_t node, off_t offset, std::string_view bytes);
    void truncate(ino_t node, off_t size);

    /// A sync that has ended. `covers`: the journal's position when it began.
    void sync(ino_t node, std::uint64_t covers);
    void syncFailed(ino_t node, std::uint64_t covers);

private:
    struct Record;

    void open(const Place& place);
    void recordPresent(const std::string& path, ino_t node);
    void append(Record record, std::string_view name, std::string_view data);

    const std::string path_;
    bool opened_ = false;
    int fd_ = -1;
};

}  // namespace faultfs
