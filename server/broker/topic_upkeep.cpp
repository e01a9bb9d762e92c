// What the keeper and the syncer do for a topic.

#include <algorithm>
#include <utility>

#include "broker/saved_time.h"
#include "broker/topic.h"
#include "nsq/sdk/message.h"
#include "storage/batch.h"
#include "storage/file_io.h"

namespace nsq::broker {

namespace {

/// A topic nobody published to for this long keeps no memory and no open files (chosen).
constexpr std::chrono::seconds kRestAfter{5};

/// What failed is tried again after this time (chosen).
constexpr std::chrono::seconds kRetryAfter{1};

/// A topic that could not be written can be again when there is room for this much: about what one commit
/// writes at most (chosen, bytes).
constexpr std::size_t kRoomToRecover = 256 * 1024;

/// A file of this size is not given up just because nobody needs it any more: the next messages go on in it
/// (chosen, bytes).
constexpr std::uint64_t kSmallFile = 1 << 20;

/// Messages are moved out of an old segment when they are at most this part of it: moving costs writing them
/// again, not moving costs the rest of the file (chosen).
constexpr std::uint64_t kFewOf = 8;

/// So many messages are few, whatever the file has (chosen).
constexpr std::uint64_t kFew = 4096;

}  // namespace

std::optional<std::chrono::milliseconds> Topic::keep() {
    shared_->marked.store(false, std::memory_order_release);
    std::vector<storage::SegmentPtr> released;
    std::optional<std::chrono::milliseconds> again;
    bool sync = false;
    bool mayRecover = false;
    {
        const std::lock_guard lock{mutex_};
        if (closed_ || importFrom_) return std::nullopt;
        const Clock::time_point now = Clock::now();
        const storage::Segment* const oldest = oldestNeeded();
        // Each try leaves copies in the log: once they could not be synced, none until the log can be again.
        if (oldest != nullptr && !hasLostCopies_) moveStragglers(*oldest);
        const auto saved = save(Save::kIfChanged);  // tried again when it fails
        mayRecover = saved && failing_;
        if (saved && context_.durability != Durability::kPower) moves_.clear();
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
    if (mayRecover) tryDisk();
    if (sync) context_.syncer.sync({{shared_from_this()}, nullptr, nullptr});
    return again;
}

/// After files have been removed. That a small change of the state could be saved does not mean that there is
/// room for messages.
void Topic::tryDisk() {
    const std::lock_guard lock{mutex_};
    if (closed_ || !failing_) return;
    if (!storage::tryWriting(directory_, kRoomToRecover, context_.durability != Durability::kMemory)) return;
    failing_ = false;
    context_.health.recovered(name());
    context_.logger.info("TOPIC({}): the disk can be written again", name());
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
    if (oldest == nullptr) return {};
    auto released = shared_->store->releaseBefore(oldest);
    for (const storage::SegmentPtr& segment : released) unmoved_.erase(segment->firstSeq());
    return released;
}

/// Old segments that are needed only for a few messages are given up for copies of these.
void Topic::moveStragglers(const storage::Segment& oldest) {
    const std::vector<storage::SegmentPtr> segments = shared_->store->segments();
    for (std::size_t i = 0; i + 1 < segments.size() && segments[i]->firstSeq() < oldest.firstSeq(); ++i) {
        const storage::SegmentPtr& segment = segments[i];
        const std::uint32_t holds = segment->holds();
        if (holds == 0) continue;
        const auto tried = unmoved_.find(segment->firstSeq());
        if (tried != unmoved_.end() && holds > tried->second / 2) continue;
        const std::uint64_t messages = segments[i + 1]->firstSeq() - segment->firstSeq();
        if (std::ranges::any_of(moves_, [&](const Move& move) { return move.from.get() == segment.get(); }))
            continue;
        if (!areFew(holds, messages) || moveOutOf(segment) == Moved::kTooMany)
            unmoved_[segment->firstSeq()] = holds;
    }
}

/// Whether it is worth looking which messages hold a segment of `messages` messages.
bool Topic::areFew(std::uint32_t holds, std::uint64_t messages) const {
    const std::size_t holders = channels_.size() + (undistributed_.empty() ? 0 : 1);
    return holds / std::max<std::size_t>(holders, 1) <= std::max(kFew, messages / kFewOf);
}

/// Copies the messages that hold `segment` to the end of the log.
Topic::Moved Topic::moveOutOf(const storage::SegmentPtr& segment) {
    if (log_.committed() != log_.appended())
        return Moved::kNotNow;  // not into the middle of a turn's publishes
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
        if (!found) return Moved::kNotNow;
        if (found.value().frame == nullptr) continue;  // what is damaged cannot be moved
        bytes += storage::frameSize(found.value().frame);
        if (bytes * kFewOf > segment->size()) return Moved::kTooMany;
        frames.emplace(seq, std::move(found).value());
    }
    if (frames.empty()) return messages.empty() ? Moved::kNotNow : Moved::kTooMany;
    Move move{storage::SegmentHold{segment}, {}, 0, Move::kCopied};
    const std::uint64_t before = log_.committed();
    for (const auto& [seq, frame] : frames) {
        const DeferredMessage& message = messages.at(seq);
        // At once is not never: in a batch header 0 would not be a time.
        const std::int64_t dueNs = std::max<std::int64_t>(toUnixNs(message.due), 1);
        move.places.emplace(seq, log_.move(seq, {frame.frame, storage::frameSize(frame.frame)}, dueNs).place);
    }
    if (auto committed = log_.commit(); !committed) {
        noteFailure(before, log_.appended(), committed.error());
        return Moved::kNotNow;
    }
    move.copied = log_.committed();
    // Under power not before the copies are on the disk: a state that names them may be there first.
    if (context_.durability != Durability::kPower) relocate(move);
    moves_.push_back(std::move(move));
    return frames.size() == messages.size() ? Moved::kYes : Moved::kTooMany;
}

/// From now on messages are found where their copies are.
void Topic::relocate(Move& move) {
    const storage::Segment* const from = move.from.get();
    for (DeferredMessage& deferred : undistributed_) {
        if (deferred.message.place.segment.get() != from) continue;
        const auto place = move.places.find(deferred.message.seq);
        if (place != move.places.end()) deferred.message.place = place->second;
        saveAllUndistributed_ = true;
    }
    for (const auto& [name, channel] : channels_) channel->relocate(*from, move.places);
    move.places.clear();
    move.stage = Move::kRelocated;
}

/// What a sync means for the moves that were there when it began.
void Topic::endMoves(const SyncWork& work, bool isSynced) {
    if (moves_.empty()) return;
    for (Move& move : moves_) {
        if (!isSynced && move.stage == Move::kSaving) move.stage = Move::kRelocated;
        if (isSynced && move.stage == Move::kCopied && move.copied <= work.to) relocate(move);
    }
    // Copies that may never have come to the disk are forgotten: the old segment is tried again.
    std::erase_if(moves_, [&](const Move& move) {
        const bool isLost = !isSynced && move.stage == Move::kCopied;
        hasLostCopies_ = hasLostCopies_ || isLost;
        return move.stage == Move::kSaving || isLost;
    });
    shared_->mark();
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
    if (!moves_.empty() || (hasLostCopies_ && !failing_)) return true;
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
    if (const auto work = beginSync()) endSync(*work, performSync(*work));
}

std::optional<Topic::SyncWork> Topic::beginSync() {
    const std::lock_guard lock{mutex_};
    unsyncedSince_ = Clock::time_point::max();
    syncing_ = false;
    if (closed_ || !isSaved()) return std::nullopt;
    SyncWork work;
    work.from = synced_;
    work.to = log_.committed();
    if (work.from == work.to && !unsyncedState_ && !unsyncedNames_ && moves_.empty() && !hasLostCopies_)
        return std::nullopt;
    for (const storage::SegmentPtr& segment : shared_->store->segments()) {
        if (segment->firstSeq() >= unsyncedFrom_) work.segments.push_back(segment);
    }
    if (!work.segments.empty() && work.segments.back()->firstSeq() != unsyncedFrom_) unsyncedNames_ = true;
    bool isRelocated = false;
    for (Move& move : moves_) {
        if (move.stage != Move::kRelocated) continue;
        move.stage = Move::kSaving;
        isRelocated = true;
    }
    if (isRelocated || (unsyncedState_ && journal_.wantsAll())) work.stateSaved = save(Save::kNow);
    work.state = std::exchange(unsyncedState_, false);
    return work;
}

bool Topic::takeUnsyncedNames() {
    const std::lock_guard lock{mutex_};
    return std::exchange(unsyncedNames_, false);
}

/// Each for itself: what is done need not be done again when something else fails.
Topic::SyncResults Topic::performSync(const SyncWork& work) {
    SyncResults results;
    results.state = work.stateSaved;
    if (work.state && results.state) results.state = journal_.sync();
    for (const storage::SegmentPtr& segment : work.segments) {
        if (segment->isAbandoned()) continue;
        const auto synced = segment->sync();
        if (synced) continue;
        segment->distrust();
        results.segments = synced;
    }
    // Last: the state's file may have been replaced until now.
    if (takeUnsyncedNames()) {
        results.names = storage::syncDirectory(directory_);
        if (results.names) results.names = storage::syncDirectory(directory_.parent_path());
    }
    return results;
}

void Topic::endSync(const SyncWork& work, const SyncResults& results) {
    const std::lock_guard lock{mutex_};
    if (closed_) return;
    lastSync_ = {};
    for (const auto& synced : {results.state, results.segments, results.names}) {
        if (!synced) lastSync_ = synced;
    }
    // After a failure also for what was written meanwhile: a later sync of the same bytes would succeed
    // without having brought them to the disk.
    const std::uint64_t to = lastSync_ ? work.to : log_.committed();
    synced_ = std::max(synced_, to);
    if (!work.segments.empty()) unsyncedFrom_ = work.segments.back()->firstSeq();
    if (!results.state) {
        unsyncedState_ = true;
        journal_.distrust();
    }
    if (!results.names) unsyncedNames_ = true;
    if (context_.durability == Durability::kPower) endMoves(work, lastSync_.ok());
    if (lastSync_) {
        if (std::exchange(hasLostCopies_, false)) shared_->mark();
        return;
    }
    unsyncedSince_ = std::min(unsyncedSince_, Clock::now());
    noteFailure(work.from, to, lastSync_.error());
}

sdk::Result<void> Topic::syncedState() const {
    const std::lock_guard lock{mutex_};
    return unsyncedState_ || unsyncedNames_ ? lastSync_ : sdk::Result<void>{};
}

}  // namespace nsq::broker
