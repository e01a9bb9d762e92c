#pragma once

#include <spdlog/logger.h>

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "broker/channel.h"
#include "broker/disk_health.h"
#include "broker/known_topic.h"
#include "broker/syncer.h"
#include "broker/topic_shared.h"
#include "nsq/sdk/broker.h"
#include "storage/log_recovery.h"
#include "storage/metadata.h"
#include "storage/sequence_lease.h"
#include "storage/state_journal.h"
#include "storage/stock_queue.h"
#include "storage/topic_log.h"

namespace nsq::broker {

/// When a publish may be acknowledged; the option of that name.
enum class Durability {
    kMemory,  ///< at once: the disk gets what does not fit into memory, and the rest at the stop
    kCrash,   ///< when the kernel has it: it survives the death of the process
    kPower,   ///< when the disk has it
};

/// What all topics of a broker share.
struct TopicContext {
    ChannelContext channel;
    storage::SequenceLease& lease;
    spdlog::logger& logger;
    Keeper& keeper;
    Syncer& syncer;
    DiskHealth& health;
    std::filesystem::path dataPath;
    Durability durability;
    std::int64_t maxBytesPerFile;
    std::uint64_t memQueueSize;  ///< messages kept in memory, or at all in ephemeral topics and channels
    std::uint64_t syncEvery;     ///< messages
    std::chrono::milliseconds syncTimeout;
    std::vector<double> latencyQuantiles;  ///< parts of 1, in the order they are shown; empty: none are kept
};

/// A topic: its log, its channels, and how far the log is distributed to them.
/// THREAD: any; one mutex, taken for short steps. Lock order: topic, channel.
class Topic : public std::enable_shared_from_this<Topic> {
public:
    Topic(std::string name, const TopicContext& context, std::uint64_t firstSeq);

    const std::string& name() const { return shared_->name; }

    /// Makes its files, so that a crash does not forget it. Once, before it is used. kStorage.
    sdk::Result<void> create();

    /// Until start() no channel gets anything, as if it were paused; but it does not say so, and a restart
    /// forgets it. The messages are kept as ever. Before it is used.
    void waitForStart();
    bool waitsForStart() const;
    void start();

    /// Becomes what an earlier run left. `metadata` is used where the topic's own state is damaged. Returns
    /// what there is to say about it. kStorage when files cannot be read. Instead of create().
    sdk::Result<std::vector<std::string>> restore(const storage::TopicMetadata& metadata);

    // topic_import.cpp: taking in another server's queues, whole or not at all. THREAD: main, at the start.

    /// What is imported before endImport() is undone when this run ends without it. kStorage.
    sdk::Result<void> beginImport();

    /// Appends a message that commitImport() makes available. kStorage.
    sdk::Result<void> import(const storage::TopicLog::Imported& message);

    /// What was appended is for one channel only, or, with null, for all as if it were published. kStorage.
    sdk::Result<void> commitImport(const Channel* only);

    /// All of these queues is in. They are removed when everything is on the disk. kStorage.
    sdk::Result<void> endImport(std::span<const storage::StockRemoval> queues);

    /// Appends messages; they are delivered after the next commit. Returns what to ask outcome() for.
    /// kDeleted, kStorage.
    sdk::Result<std::uint64_t> append(const sdk::Publication& publication);

    /// Makes what was appended available to the channels.
    void commit();

    /// False: no append has failed yet, and outcome() need not be asked. THREAD: any.
    bool mayHaveFailed() const { return mayHaveFailed_.load(std::memory_order_acquire); }

    /// What became of an append that was committed, and synced if that is asked for.
    sdk::Result<void> outcome(std::uint64_t append) const;

    /// The channel of that name, or null.
    std::shared_ptr<Channel> channel(std::string_view name) const;

    KnownTopic known() const;

    /// The channel of that name, made if there is none: `created` says so. kDeleted, kStorage.
    sdk::Result<std::shared_ptr<Channel>> makeChannel(std::string_view name, bool& created);

    /// Takes the channel out and closes it. Null when there is none. With `onlyIfUnused` it stays when it has
    /// consumers. `saved` tells whether the disk knows.
    std::shared_ptr<Channel> removeChannel(std::string_view name, bool onlyIfUnused,
                                           sdk::Result<void>& saved);

    /// Drops what its channels do not have yet.
    sdk::Result<void> empty();
    sdk::Result<void> emptyChannel(Channel& channel);

    sdk::Result<void> setPaused(bool paused);
    sdk::Result<void> setChannelPaused(Channel& channel, bool paused);

    /// Closes it and all its channels, and puts its files out of the way. Returns where, for the caller to
    /// remove them; an empty path: there are none. kStorage.
    sdk::Result<std::filesystem::path> close();

    /// True for an ephemeral topic whose last channel has gone.
    bool isAbandoned() const;

    sdk::TopicStats stats(const std::string& channelFilter) const;
    storage::TopicMetadata metadata() const;
    std::uint64_t damagedBatches() const { return shared_->store->damagedBatches(); }
    std::uint64_t nextSeq() const;

    /// Shows every message that no channel has yet. kStorage, or what `visit` returns. THREAD: nobody uses
    /// the topic.
    sdk::Result<void> visitHeld(const HeldVisitor& visit);

    /// Saves what changed, removes files nobody needs, lets memory go. Returns when to come again at the
    /// latest, if so. THREAD: the keeper.
    std::optional<std::chrono::milliseconds> keep();

    /// Brings what was committed onto the disk. THREAD: the syncer.
    void sync();

    /// What a sync has to bring there.
    struct SyncWork {
        std::uint64_t from = 0;  ///< messages appended, as log_ counts them
        std::uint64_t to = 0;
        std::vector<storage::SegmentPtr> segments;
        bool state = false;
        sdk::Result<void> stateSaved;
    };
    struct SyncResults {
        sdk::Result<void> state;
        sdk::Result<void> segments;
        sdk::Result<void> names;
    };

    /// sync() in steps, for who syncs the whole file system in between. Nothing to do: nullopt. THREAD: the
    /// syncer.
    std::optional<SyncWork> beginSync();
    bool takeUnsyncedNames();
    void endSync(const SyncWork& work, const SyncResults& results);

    /// Whether the state and the names of the files are on the disk, after a sync of this topic. THREAD: any.
    sdk::Result<void> syncedState() const;

    /// Saves all. Nothing is appended or delivered any more.
    sdk::Result<void> finish();

private:
    /// Appends that failed: those after `from`, up to `to`.
    struct Failure {
        std::uint64_t from;
        std::uint64_t to;
        sdk::Error error;
    };

    /// Messages that were copied out of an old segment, which stays until it is certain that nobody will look
    /// for them there.
    struct Move {
        enum Stage {
            kCopied,     ///< the copies are written
            kRelocated,  ///< they are safe, and messages are found there
            kSaving,     ///< a sync of a state that says so is under way
        };
        storage::SegmentHold from;
        std::map<std::uint64_t, storage::BatchPlace> places;  ///< of the copies, by sequence number
        std::uint64_t copied;                                 ///< log_.committed() then
        Stage stage;
    };

    void addLatencies(sdk::TopicStats& stats) const;
    void distribute();
    void handOver();
    void limitEphemeral();
    void passOver(const storage::LogCursor& to, const Channel* butFor = nullptr);
    sdk::Result<void> syncImported();
    std::uint64_t waitingHere() const { return log_.end().index - distributed_.index; }
    void noteFailure(std::uint64_t from, std::uint64_t to, const sdk::Error& error);
    bool isSaved() const { return shared_->keeper != nullptr; }

    // topic_state.cpp: what is saved, and how it comes back.
    enum class Save { kIfChanged, kNow, kEverything };
    sdk::Result<void> save(Save how);
    sdk::Result<void> saveNow() { return save(Save::kNow); }
    bool hasChanged() const;
    storage::TopicState collectState(bool everything);
    void keepOldSegments();
    sdk::Result<void> restoreChannels(const storage::TopicState& state, bool isWhole,
                                      const storage::RecoveredLog& found);
    sdk::Result<std::filesystem::path> putFilesAside();

    // topic_upkeep.cpp
    std::vector<storage::SegmentPtr> releaseSegments();
    const storage::Segment* oldestNeeded();
    bool isDrained() const;
    void moveStragglers(const storage::Segment& oldest);
    bool areFew(std::uint32_t holds, std::uint64_t messages) const;
    enum class Moved { kYes, kNotNow, kTooMany };
    Moved moveOutOf(const storage::SegmentPtr& segment);
    void relocate(Move& move);
    void endMoves(const SyncWork& work, bool isSynced);
    void tryDisk();
    SyncResults performSync(const SyncWork& work);
    void letMemoryGo();
    bool needsNoSync() const;
    bool wantsSync(Clock::time_point now) const;
    std::optional<std::chrono::milliseconds> nextVisit(Clock::time_point now);

    const TopicContext& context_;
    const bool ephemeral_;
    const std::filesystem::path directory_;  ///< empty: nothing touches the disk
    const std::shared_ptr<TopicShared> shared_;

    mutable std::mutex mutex_;
    storage::TopicLog log_;
    storage::LogCursor distributed_;              ///< channels may take what is before it
    std::vector<DeferredMessage> newDeferred_;    ///< appended, not committed
    std::vector<DeferredMessage> undistributed_;  ///< deferred messages committed and not distributed
    std::map<std::string, std::shared_ptr<Channel>, std::less<>> channels_;
    bool hadChannel_ = false;
    bool paused_ = false;
    bool waitsForStart_ = false;
    bool closed_ = false;
    std::uint64_t messageCount_ = 0;
    std::uint64_t messageBytes_ = 0;
    std::uint64_t newMessages_ = 0;  ///< appended, not committed
    std::uint64_t newBytes_ = 0;
    std::vector<Failure> failures_;
    std::atomic<bool> mayHaveFailed_{false};

    // What is saved.
    storage::StateJournal journal_;
    std::uint32_t epoch_;                 ///< storage::TopicState::epoch
    bool failing_ = false;                ///< a write failed, and the disk was not seen to be well since
    std::size_t savedUndistributed_ = 0;  ///< of undistributed_, those that are saved
    bool saveAllUndistributed_ = true;
    std::uint64_t savedAt_ = 0;  ///< log_.committed() when it was saved last

    // What is on the disk for certain.
    std::uint64_t synced_ = 0;        ///< log_.committed() then
    std::uint64_t unsyncedFrom_ = 0;  ///< segments before this one are
    bool unsyncedNames_ = true;       ///< a directory has changed
    bool unsyncedState_ = true;       ///< something other than messages was acknowledged
    Clock::time_point unsyncedSince_ = Clock::time_point::max();
    bool syncing_ = false;
    sdk::Result<void> lastSync_;  ///< how it went
    std::vector<Move> moves_;
    bool hasLostCopies_ = false;  ///< of a move, since the log could be synced

    /// The segment from which on an import that is under way writes: until its end the keeper stays away, so
    /// that there is nothing else to undo.
    std::optional<std::uint64_t> importFrom_;

    bool emptied_ = false;  ///< since the keeper came last
    bool resting_ = true;   ///< no memory is held
    Clock::time_point lastCommit_{};
    Clock::time_point nextVisit_ = Clock::time_point::max();
    std::map<std::uint64_t, std::uint32_t>
        unmoved_;  ///< segments too full to be moved, with their holds then
};

}  // namespace nsq::broker
