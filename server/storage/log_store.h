#pragma once

#include <deque>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "storage/chunk.h"

namespace nsq::storage {

/// A place in a topic's log. Without a segment it is before everything.
struct LogPlace {
    SegmentPtr segment;
    std::uint64_t offset = 0;
    ExtentPtr extent;         ///< memory that has it, once found
    bool overDamage = false;  ///< something damaged was passed on the way, and reported
};

/// Where the bytes of a topic's log are: its newest ones in memory, all of them in segment files. Readers use
/// it without the topic's lock. THREAD: any, unless said otherwise.
class LogStore {
public:
    /// Called with one line for each thing found wrong, as it is found. THREAD: any; locks may be held.
    using Tell = std::function<void(const std::string&)>;

    LogStore(MemoryAccount account, Tell tell) : account_(std::move(account)), tell_(std::move(tell)) {}

    // THREAD: the topic's lock, for these.

    /// `segment` comes after all others.
    void add(SegmentPtr segment);

    /// From `extent` on the log is in memory; null: nothing is.
    void setMemory(ExtentPtr extent);
    ExtentPtr memory() const;

    /// Gives up every segment that comes before `oldest` (null: all), unless somebody holds it. They are
    /// returned; their files still exist.
    std::vector<SegmentPtr> releaseBefore(const Segment* oldest);

    /// Gives up every segment, held or not: their files are being removed.
    void releaseAll();

    /// All segments, the oldest first.
    std::vector<SegmentPtr> segments() const;

    /// Finds memory for the batch at `place`, or, where there is none, for the next one after it, and moves
    /// `place` there. False: there is none yet. kStorage when a file cannot be read: try again later.
    sdk::Result<bool> find(LogPlace& place) { return find(place, kReadSize); }

    /// For a few messages out of the log's order: reads less of a file.
    sdk::Result<bool> findNear(LogPlace& place) { return find(place, kNearSize); }

    const MemoryAccount& account() const { return account_; }

    /// Batches found damaged so far.
    std::uint64_t damagedBatches() const;

    /// Messages are not where they should be, at `offset` of `segment`, and no damage was found there: `what`
    /// says so. Counted as a damaged batch, and told of once.
    void reportMissing(const SegmentPtr& segment, std::uint64_t offset, const std::string& what);

    /// Something is wrong with a file.
    void note(const std::string& report) const { tell_(report); }

    /// Tells of damage, once for each place, and keeps a copy of the damaged bytes aside.
    /// False: that was not possible.
    bool report(const SegmentPtr& segment, const Damage& damage);

private:
    /// Read from a file at once by a cursor (measured), and by those who want single messages (chosen);
    /// bytes.
    static constexpr std::size_t kReadSize = 256 * 1024;
    static constexpr std::size_t kNearSize = 16 * 1024;

    sdk::Result<bool> find(LogPlace& place, std::size_t wanted);
    bool findInMemory(LogPlace& place) const;
    SegmentPtr segmentFor(LogPlace& place, std::uint64_t& limit) const;

    const MemoryAccount account_;
    const Tell tell_;
    mutable std::mutex mutex_;
    std::deque<SegmentPtr> segments_;
    ExtentPtr memory_;
    std::set<std::pair<std::uint64_t, std::uint64_t>> reported_;  ///< first sequence number, offset
};

}  // namespace nsq::storage
