// What the keeper and the syncer do for a topic.

#include <algorithm>

#include "broker/saved_time.h"
#include "broker/topic.h"
#include "nsq/sdk/message.h"
#include "storage/batch.h"

namespace nsq::broker {

namespace {

/// A topic nobody published to for this long keeps no memory and no open files (chosen).
constexpr std::chrono::seconds kRestAfter{5};

/// What failed is tried again after this time (chosen).
constexpr std::chrono::seconds kRetryAfter{1};

/// A file of this size is not given up just because nobody needs it any more: the next messages go on in it
/// (chosen, bytes).
constexpr std::uint64_t kSmallFile = 1 << 20;

/// Messages are moved out of an old segment when they are at most this part of it: moving costs writing them
/// again, not moving costs the rest of the file (chosen).
constexpr std::uint64_t kFewOf = 8;

}  // namespace

std::optional<std::chrono::milliseconds> Topic::keep() {
    shared_->marked.store(false, std::memory_order_release);
    std::vector<storage::SegmentPtr> released;
    std::optional<std::chrono::milliseconds> again;
    bool sync = false;
    {
        const std::lock_guard lock{mutex_};
        if (closed_ || importFrom_) return std::nullopt;
        const Clock::time_point now = Clock::now();
        if (const storage::Segment* oldest = oldestNeeded()) moveStragglers(*oldest);
        static_cast<void>(save(Save::kIfChanged));  // a failure is noted, and tried again
        released = releaseSegments();
        const bool isQuiet = now - lastCommit_ >= kRestAfter;
        if (!resting_ && (isQuiet || isDrained())) {
            log_.rest();
            distributed_.rest();
            for (const auto& [name, channel] : channels_) channel->rest(nullptr);
            resting_ = true;
        }
        if (needsNoSync()) {
            synced_ = log_.committed();
            unsyncedSince_ = Clock::time_point::max();
        }
        sync = wantsSync(now);
        syncing_ = syncing_ || sync;
        again = nextVisit(now);
    }
    for (const storage::SegmentPtr& segment : released) {
        std::error_code ignored;
        std::filesystem::remove(segment->path(), ignored);
    }
    if (sync) context_.syncer.sync({{shared_from_this()}, nullptr, nullptr});
    return again;
}

std::optional<std::chrono::milliseconds> Topic::nextVisit(Clock::time_point now) {
    Clock::time_point next = Clock::time_point::max();
    if (!resting_) next = std::max(now, lastCommit_ + kRestAfter);
    if (unsyncedSince_ != Clock::time_point::max()) {
        next = std::min(next, std::max(now + Keeper::kSaveAfter, unsyncedSince_ + context_.syncTimeout));
    }
    if (failing_) next = std::min(next, now + kRetryAfter);
    if (nextVisit_ > now && nextVisit_ <= next) return std::nullopt;  // somebody comes anyway
    nextVisit_ = next;
    if (next == Clock::time_point::max()) return std::nullopt;
    return std::chrono::ceil<std::chrono::milliseconds>(next - now);
}

bool Topic::isDrained() const {
    if (log_.committed() != log_.appended()) return false;
    if (distributed_.index != log_.end().index || !undistributed_.empty()) return false;
    return std::ranges::all_of(channels_, [](const auto& channel) { return channel.second->isDrained(); });
}

/// The segment from which on readers need the log; null: it is not known.
const storage::Segment* Topic::oldestNeeded() {
    const bool isLarge = emptied_ || log_.lastOffset() > kSmallFile;
    if (isLarge && isDrained()) log_.beginFile();
    emptied_ = false;
    const storage::LogCursor end = log_.end();
    if (distributed_.index == end.index) distributed_ = end;
    const storage::Segment* oldest = distributed_.segment.get();
    for (const auto& [name, channel] : channels_) {
        const storage::SegmentPtr segment = channel->catchUp(end);
        if (!segment || oldest == nullptr) return nullptr;
        if (segment->firstSeq() < oldest->firstSeq()) oldest = segment.get();
    }
    return oldest;
}

std::vector<storage::SegmentPtr> Topic::releaseSegments() {
    const storage::Segment* const oldest = oldestNeeded();
    if (oldest == nullptr || hasMoved_) return {};
    auto released = shared_->store->releaseBefore(oldest);
    for (const storage::SegmentPtr& segment : released) unmoved_.erase(segment->firstSeq());
    return released;
}

/// Old segments that are needed only for a few messages are given up for copies of these.
void Topic::moveStragglers(const storage::Segment& oldest) {
    for (const storage::SegmentPtr& segment : shared_->store->segments()) {
        if (segment->firstSeq() >= oldest.firstSeq()) return;
        const std::uint32_t holds = segment->holds();
        if (holds == 0) continue;
        const auto tried = unmoved_.find(segment->firstSeq());
        if (tried != unmoved_.end() && holds > tried->second / 2) continue;
        if (!moveOutOf(segment)) unmoved_[segment->firstSeq()] = holds;
    }
}

/// False: there is too much to move, or it cannot be moved now.
bool Topic::moveOutOf(const storage::SegmentPtr& segment) {
    const std::uint64_t atLeast = segment->holds() / (channels_.size() + 1);
    if (atLeast * sdk::frame::kBodyOffset * kFewOf > segment->size()) return false;
    std::map<std::uint64_t, DeferredMessage> messages;
    for (const auto& [name, channel] : channels_) channel->collectHolding(*segment, messages);
    for (const DeferredMessage& deferred : undistributed_) {
        if (deferred.message.place.segment.get() == segment.get())
            messages.try_emplace(deferred.message.seq, deferred);
    }
    std::uint64_t bytes = 0;
    storage::FrameFinder finder{*shared_->store};
    std::map<std::uint64_t, storage::Location> frames;
    for (const auto& [seq, deferred] : messages) {
        auto found = finder.find(deferred.message.place, seq);
        if (!found) return false;
        if (found.value().frame == nullptr) continue;
        bytes += storage::frameSize(found.value().frame);
        if (bytes * kFewOf > segment->size()) return false;
        frames.emplace(seq, std::move(found).value());
    }
    if (frames.empty()) return false;
    if (log_.committed() != log_.appended()) return false;  // not into the middle of somebody's publishes
    std::map<std::uint64_t, storage::BatchPlace> places;
    const std::uint64_t before = log_.committed();
    for (const auto& [seq, frame] : frames) {
        const DeferredMessage& message = messages.at(seq);
        // At once is not never: in a batch header 0 would not be a time.
        const std::int64_t dueNs = std::max<std::int64_t>(toUnixNs(message.due), 1);
        places.emplace(seq, log_.move(seq, {frame.frame, storage::frameSize(frame.frame)}, dueNs).place);
    }
    if (auto committed = log_.commit(); !committed) {
        noteFailure(before, log_.appended(), committed.error());
        return false;
    }
    for (DeferredMessage& deferred : undistributed_) {
        if (deferred.message.place.segment.get() != segment.get()) continue;
        const auto place = places.find(deferred.message.seq);
        if (place != places.end()) deferred.message.place = place->second;
        saveAllUndistributed_ = true;
    }
    for (const auto& [name, channel] : channels_) channel->relocate(*segment, places);
    if (context_.durability == Durability::kPower) hasMoved_ = unsyncedState_ = true;
    return frames.size() == messages.size();  // what is damaged cannot be moved
}

void Topic::letMemoryGo() {
    lastCommit_ = Clock::now();
    if (unsyncedSince_ == Clock::time_point::max()) unsyncedSince_ = lastCommit_;
    resting_ = false;
    if (!log_.trim()) return;
    const storage::ExtentPtr oldest = shared_->store->memory();
    if (distributed_.index != log_.end().index) distributed_.rest();
    for (const auto& [name, channel] : channels_) channel->rest(oldest.get());
}

/// What every channel has finished need not be on the disk. Nor need anything where the disk is not waited
/// for; under power those who publish see to it.
bool Topic::needsNoSync() const {
    if (context_.durability == Durability::kMemory) return true;
    return context_.durability == Durability::kCrash && !unsyncedState_ && isDrained();
}

bool Topic::wantsSync(Clock::time_point now) const {
    if (context_.durability == Durability::kMemory || syncing_) return false;
    if (hasMoved_) return true;
    std::uint64_t unsynced = log_.committed() - synced_;
    if (unsynced == 0 && !unsyncedState_) return false;
    if (!channels_.empty() && unsynced > 0) {
        std::uint64_t unfinished = waitingHere() + undistributed_.size();
        for (const auto& [name, channel] : channels_)
            unfinished = std::max(unfinished, channel->unfinished());
        unsynced = std::min(unsynced, unfinished);
    }
    return unsynced >= context_.syncEvery || now - unsyncedSince_ >= context_.syncTimeout;
}

void Topic::sync() {
    std::vector<storage::SegmentPtr> segments;
    std::uint64_t from = 0;
    std::uint64_t to = 0;
    bool names = false;
    bool state = false;
    sdk::Result<void> stateSynced;
    {
        const std::lock_guard lock{mutex_};
        from = synced_;
        to = log_.committed();
        for (const storage::SegmentPtr& segment : shared_->store->segments()) {
            if (segment->firstSeq() >= unsyncedFrom_) segments.push_back(segment);
        }
        if (!segments.empty() && segments.back()->firstSeq() != unsyncedFrom_) unsyncedNames_ = true;
        if (unsyncedState_ && journal_.wantsAll()) stateSynced = save(Save::kNow);
        names = std::exchange(unsyncedNames_, false);
        state = std::exchange(unsyncedState_, false);
        unsyncedSince_ = Clock::time_point::max();
        syncing_ = false;
        if (closed_ || !isSaved()) return;
    }
    // Each for itself: what is done need not be done again when something else fails.
    if (state && stateSynced) stateSynced = journal_.sync();
    sdk::Result<void> segmentsSynced;
    for (const storage::SegmentPtr& segment : segments) {
        if (!segmentsSynced || segment->isAbandoned()) continue;
        segmentsSynced = segment->sync();
        if (!segmentsSynced) segment->distrust();
    }
    sdk::Result<void> namesSynced;
    if (names) namesSynced = storage::syncDirectory(directory_);
    if (names && namesSynced) namesSynced = storage::syncDirectory(directory_.parent_path());

    const std::lock_guard lock{mutex_};
    if (closed_) return;
    // After a failure too: a later sync of the same bytes would succeed without having written them.
    synced_ = std::max(synced_, to);
    if (!segments.empty()) unsyncedFrom_ = segments.back()->firstSeq();
    if (!stateSynced) {
        unsyncedState_ = true;
        journal_.distrust();
    }
    if (!namesSynced) unsyncedNames_ = true;
    if (stateSynced && segmentsSynced && namesSynced && hasMoved_) {
        hasMoved_ = false;
        shared_->mark();
    }
    for (const auto& synced : {stateSynced, segmentsSynced, namesSynced}) {
        if (synced) continue;
        unsyncedSince_ = std::min(unsyncedSince_, Clock::now());
        return noteFailure(from, to, synced.error());
    }
}

}  // namespace nsq::broker
