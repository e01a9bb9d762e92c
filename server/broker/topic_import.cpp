// How messages of another server come into a topic, whole or not at all.

#include "broker/topic.h"
#include "storage/file_io.h"
#include "storage/import_journal.h"

namespace nsq::broker {

sdk::Result<void> Topic::beginImport() {
    const std::lock_guard lock{mutex_};
    importFrom_ = log_.lastSegment()->firstSeq();
    auto begun = storage::ImportJournal{directory_}.begin(collectState(true));
    journal_.distrust();  // what was collected is not there
    return begun;
}

sdk::Result<void> Topic::import(const storage::TopicLog::Imported& message) {
    const std::lock_guard lock{mutex_};
    if (auto covered = context_.lease.cover(log_.nextSeq() + 1); !covered) return covered;
    log_.import({&message, 1});
    return {};
}

sdk::Result<void> Topic::commitImport(const Channel* only) {
    const std::lock_guard lock{mutex_};
    // What all may read is one stretch of the log: before messages for one channel can be added to it, a
    // paused topic has to give out what it holds back. That comes early, but nothing is lost.
    if (only != nullptr && waitingHere() > 0) {
        context_.logger.warn("TOPIC({}): paused, but its channels get the {} messages it holds back", name(),
                             waitingHere());
        handOver();
    }
    if (auto committed = log_.commit(); !committed) return committed;
    letMemoryGo();
    if (only == nullptr) {
        distribute();
    } else {
        passOver(log_.end(), only);
    }
    return {};
}

sdk::Result<void> Topic::endImport(std::span<const storage::StockRemoval> queues) {
    const std::lock_guard lock{mutex_};
    if (auto written = log_.writeAll(); !written) return written;
    if (auto saved = save(Save::kEverything); !saved) return saved;
    if (auto synced = syncImported(); !synced) return synced;
    storage::ImportJournal journal{directory_};
    if (auto committed = journal.commit(queues); !committed) return committed;
    importFrom_.reset();
    shared_->mark();
    return journal.finish(context_.dataPath);
}

sdk::Result<void> Topic::syncImported() {
    for (const storage::SegmentPtr& segment : shared_->store->segments()) {
        if (segment->firstSeq() < *importFrom_) continue;
        if (auto synced = segment->sync(); !synced) return synced;
    }
    if (auto synced = journal_.sync(); !synced) return synced;
    if (auto synced = storage::syncDirectory(directory_); !synced) return synced;
    return storage::syncDirectory(directory_.parent_path());
}

}  // namespace nsq::broker
