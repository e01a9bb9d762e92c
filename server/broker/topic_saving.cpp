// What is saved of a topic beside its log, and how a topic comes back at the start.

#include <boost/unordered/unordered_flat_set.hpp>

#include <algorithm>

#include "broker/saved_time.h"
#include "broker/topic.h"
#include "nsq/sdk/names.h"
#include "storage/import_journal.h"
#include "storage/topic_directory.h"

namespace nsq::broker {

namespace fs = std::filesystem;

namespace {

storage::SavedMessage savedOf(const DeferredMessage& deferred) {
    const PendingMessage& message = deferred.message;
    return {message.seq,
            message.place.segment->firstSeq(),
            toUnixNs(deferred.due),
            message.place.offset,
            message.attempts,
            0};
}

/// Finds saved messages again.
class Places {
public:
    Places(const std::vector<storage::SegmentPtr>& segments, const storage::RecoveredLog& found)
        : segments_(segments), found_(found) {}

    /// Without a segment: the message was finished by all, and its segment is gone.
    storage::BatchPlace of(std::uint64_t seq, std::uint64_t segment, std::uint32_t offset) {
        if (const auto moved = found_.moved.find(seq); moved != found_.moved.end())
            return moved->second.place;
        if (!last_ || last_->firstSeq() != segment) {
            last_ = storage::segmentOf(segments_, segment);
            if (last_ && last_->firstSeq() != segment) last_ = nullptr;
        }
        return {storage::SegmentHold{last_}, offset};
    }

    void add(const storage::SavedMessage& saved, std::vector<DeferredMessage>& to) {
        storage::BatchPlace place = of(saved.seq, saved.segment, saved.offset);
        if (place.segment.get() == nullptr) return;
        to.push_back({fromUnixNs(saved.dueNs), {saved.seq, std::move(place), saved.attempts}});
    }

    void add(const storage::SavedRun& saved, std::vector<DeferredMessage>& to) {
        for (std::uint32_t i = 0; i < std::min<std::uint32_t>(saved.count, InFlightRun::kMost); ++i) {
            if ((saved.unfinished[i / 64] >> i % 64 & 1) == 0) continue;
            add(storage::SavedMessage{saved.firstSeq + i, saved.segment, 0, saved.offset, 1, 0}, to);
        }
    }

private:
    const std::vector<storage::SegmentPtr>& segments_;
    const storage::RecoveredLog& found_;
    storage::SegmentPtr last_;
};

/// What is taken for granted where a topic's state cannot be used: nothing in its log is finished.
storage::TopicState stateFrom(const std::vector<storage::ChannelMetadata>& channels) {
    storage::TopicState state;
    for (const storage::ChannelMetadata& channel : channels) {
        storage::ChannelState& added = state.channels.emplace_back();
        added.name = channel.name;
        added.paused = channel.paused;
    }
    return state;
}

/// Channels made after a state that is older than it should be: nothing is finished on them. Returns how
/// many.
std::size_t addMissing(const storage::TopicMetadata& metadata, storage::TopicState& state) {
    // Those that were removed since stand in metadata of an older epoch only.
    if (metadata.epoch == 0 || metadata.epoch != state.epoch) return 0;
    const std::size_t before = state.channels.size();
    for (storage::ChannelState& channel : stateFrom(metadata.channels).channels) {
        const auto known = std::ranges::find(state.channels, channel.name, &storage::ChannelState::name);
        if (known == state.channels.end()) state.channels.push_back(std::move(channel));
    }
    return state.channels.size() - before;
}

DeferredMessage deferredOf(const storage::FoundMessage& found) {
    return {fromUnixNs(found.dueNs), {found.seq, found.place, 0}};
}

/// The sequence number of the message after `cursor`, or one that none has reached. `saved` is where it was;
/// with that file gone nothing is known of its messages but that they came no earlier.
sdk::Result<std::uint64_t> seqAfter(storage::LogStore& store, storage::LogCursor cursor,
                                    const storage::SavedCursor& saved) {
    if (!cursor.segment || cursor.segment->firstSeq() != saved.segment)
        return std::max(saved.segment, saved.seq);
    const auto run = storage::readRun(store, cursor, {.messages = 1});
    if (!run) return run.error();
    return run.value().count == 0 ? UINT64_MAX : run.value().firstSeq;
}

/// Messages from `next` on that were moved out of their segment, and of which a state that is older than it
/// should be does not know: where it would look for them they may be no more. Rather some twice than one
/// lost.
void addUnclaimed(const storage::RecoveredLog& found, std::uint64_t next,
                  boost::unordered_flat_set<std::uint64_t> claimed, std::vector<DeferredMessage>& pending) {
    for (const DeferredMessage& message : pending) claimed.insert(message.message.seq);
    for (const auto& [seq, message] : found.moved) {
        if (seq >= next && !claimed.contains(seq)) pending.push_back(deferredOf(message));
    }
}

}  // namespace

bool Topic::hasChanged() const {
    if (savedAt_ != log_.committed() || saveAllUndistributed_) return true;
    return std::ranges::any_of(channels_, [](const auto& channel) { return channel.second->hasChanged(); });
}

storage::TopicState Topic::collectState(bool everything) {
    storage::TopicState state;
    state.paused = paused_;
    state.epoch = epoch_;
    state.nextSeq = log_.nextSeq();
    state.end = storage::toSaved(log_.end());
    state.distributed = storage::toSaved(distributed_);
    state.deferred.complete = everything || saveAllUndistributed_;
    const std::size_t known = state.deferred.complete ? 0 : savedUndistributed_;
    for (std::size_t i = known; i < undistributed_.size(); ++i) {
        state.deferred.messages.push_back(savedOf(undistributed_[i]));
    }
    for (const auto& [name, channel] : channels_) {
        if (auto saved = channel->save(everything)) state.channels.push_back(std::move(*saved));
    }
    return state;
}

sdk::Result<void> Topic::save(Save how) {
    if (!isSaved() || closed_) return {};
    if (how == Save::kIfChanged && !failing_ && !hasChanged()) return {};
    const bool everything = how == Save::kEverything || journal_.wantsAll();
    const std::uint32_t number = shared_->nextSave();
    shared_->saves.store(number, std::memory_order_release);
    sdk::Result<void> saved;
    try {
        const storage::TopicState state = collectState(everything);
        saved = everything ? journal_.saveAll(state) : journal_.saveChange(state);
    } catch (...) {
        // Memory ran out: what was collected is nowhere.
        journal_.distrust();
        saveAllUndistributed_ = true;  // there is something to save, whatever the channels say
        shared_->saves.store(number - 1, std::memory_order_release);
        shared_->mark();
        throw;
    }
    shared_->cannotSave.store(!saved, std::memory_order_release);
    if (saved) {
        shared_->savesDone.store(number, std::memory_order_release);
    } else {
        shared_->saves.store(number - 1, std::memory_order_release);
    }
    for (const auto& [name, channel] : channels_) channel->onSaved();
    if (!saved) {
        if (!failing_) context_.logger.error("TOPIC({}): {}", name(), saved.error().text);
        failing_ = true;
        context_.health.failed(name(), saved.error());
        shared_->mark();
        return saved;
    }
    savedAt_ = log_.committed();
    saveAllUndistributed_ = false;
    savedUndistributed_ = undistributed_.size();
    if (everything) unsyncedNames_ = true;
    if (how != Save::kIfChanged) {
        unsyncedState_ = true;
        unsyncedSince_ = std::min(unsyncedSince_, Clock::now());
    }
    return {};
}

sdk::Result<fs::path> Topic::putFilesAside() {
    if (!isSaved()) return fs::path{};
    // No topic's directory begins with a dot. An earlier run may have left some that it could not remove.
    static std::atomic<std::uint64_t> count{0};
    const std::string name = ".deleted-" + directory_.filename().string() + "-";
    fs::path aside;
    std::error_code failure;
    do {
        aside = directory_.parent_path() / (name + std::to_string(++count));
    } while (fs::exists(aside, failure));
    fs::rename(directory_, aside, failure);
    if (failure) return storage::storageError(directory_, "cannot be removed", failure.value());
    if (context_.durability == Durability::kPower) {
        if (auto synced = storage::syncDirectory(directory_.parent_path()); !synced) return synced.error();
    }
    return aside;
}

sdk::Result<std::vector<std::string>> Topic::restore(const storage::TopicMetadata& metadata) {
    shared_->topic = weak_from_this();
    const std::lock_guard lock{mutex_};
    const auto undone = storage::ImportJournal{directory_}.recover(context_.dataPath);
    if (!undone) return undone.error();
    if (undone.value())
        context_.logger.warn("TOPIC({}): undone what was taken over before an interruption", name());
    std::vector<std::string> warnings;
    std::string warning;
    auto state = journal_.read(warning);
    if (!state) return state.error();
    if (state.value()) {
        if (state.value()->epoch != 0) epoch_ = state.value()->epoch;
        const std::size_t missing = addMissing(metadata, *state.value());
        if (missing > 0 && warning.empty())
            warning = storage::stateFile(directory_).string() +
                      ": damaged: its end is missing, an older state is used";
    }
    if (!warning.empty()) warnings.push_back(warning);
    const storage::TopicState* const known = state.value() ? &*state.value() : nullptr;
    const auto found = storage::recoverLog(directory_, known, *shared_->store);
    if (!found) return found.error();
    log_.resume(found.value().end, found.value().nextSeq);
    const storage::TopicState otherwise = stateFrom(metadata.channels);
    const bool isWhole = warning.empty();
    if (auto restored = restoreChannels(known != nullptr ? *known : otherwise, isWhole, found.value());
        !restored)
        return restored.error();
    keepOldSegments();
    distribute();
    // Files that were not needed any more at the end of the last run go soon.
    if (shared_->store->segments().size() > 1) shared_->mark();
    savedAt_ = synced_ = log_.committed();
    saveAllUndistributed_ = false;
    return warnings;
}

/// Neither copies that an earlier run made nor the state that names them need be on the disk yet: segments
/// without anything else that holds them go after a sync.
void Topic::keepOldSegments() {
    if (context_.durability != Durability::kPower) return;
    for (const storage::SegmentPtr& segment : shared_->store->segments()) {
        if (segment != log_.lastSegment())
            moves_.push_back({storage::SegmentHold{segment}, {}, 0, Move::kRelocated});
    }
    shared_->mark();
}

/// `isWhole`: `state` is what was saved last.
sdk::Result<void> Topic::restoreChannels(const storage::TopicState& state, bool isWhole,
                                         const storage::RecoveredLog& found) {
    const std::vector<storage::SegmentPtr> segments = shared_->store->segments();
    Places places{segments, found};
    paused_ = state.paused;
    auto distributed = storage::toCursor(*shared_->store, segments, state.distributed, found.end.index);
    if (!distributed) return distributed.error();
    distributed_ = std::move(distributed).value();
    shared_->distributed.store(distributed_.index, std::memory_order_seq_cst);
    for (const storage::SavedMessage& message : state.deferred.messages) places.add(message, undistributed_);

    // With a state that could not be used, copies may be all there is of a message.
    const bool isUnknown = state.nextSeq == 0;
    std::vector<DeferredMessage> newer;
    for (const storage::FoundMessage& message : found.deferred) newer.push_back(deferredOf(message));
    boost::unordered_flat_set<std::uint64_t> claimed;
    for (const DeferredMessage& message : newer) claimed.insert(message.message.seq);
    for (const DeferredMessage& message : undistributed_) claimed.insert(message.message.seq);
    if (isUnknown) {
        for (const auto& [seq, message] : found.moved) {
            if (!claimed.contains(seq)) newer.push_back(deferredOf(message));
        }
    }
    for (const storage::ChannelState& saved : state.channels) {
        if (!sdk::isValidChannelName(saved.name)) continue;
        auto cursor = storage::toCursor(*shared_->store, segments, saved.cursor, found.end.index);
        if (!cursor) return cursor.error();
        std::deque<Channel::Gap> gaps;
        for (const storage::SavedGap& gap : saved.gaps) {
            auto to = storage::toCursor(*shared_->store, segments, gap.to, found.end.index);
            if (!to) return to.error();
            gaps.push_back({gap.fromIndex, std::move(to).value()});
        }
        std::vector<DeferredMessage> pending;
        pending.reserve(saved.kept.messages.size());
        for (const storage::SavedMessage& message : saved.kept.messages) places.add(message, pending);
        for (const storage::SavedMessage& message : saved.inFlight) places.add(message, pending);
        for (const storage::SavedRun& run : saved.runs) places.add(run, pending);
        if (!isUnknown && !isWhole) {
            const auto next = seqAfter(*shared_->store, cursor.value(), saved.cursor);
            if (!next) return next.error();
            addUnclaimed(found, next.value(), claimed, pending);
        }
        auto channel = std::make_shared<Channel>(saved.name, context_.channel, shared_, distributed_);
        channel->restore(saved, std::move(cursor).value(), std::move(gaps), std::move(pending));
        channels_.emplace(saved.name, std::move(channel));
    }
    hadChannel_ = !channels_.empty();
    std::ranges::move(newer, std::back_inserter(undistributed_));
    return {};
}

sdk::Result<void> Topic::finish() {
    const std::lock_guard lock{mutex_};
    if (auto committed = log_.commit(); !committed) return committed;
    if (auto written = log_.writeAll(); !written) return written;
    return save(Save::kIfChanged);
}

}  // namespace nsq::broker
