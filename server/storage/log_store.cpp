#include "storage/log_store.h"

#include <algorithm>

#include "storage/disk_format.h"

namespace nsq::storage {

namespace {

bool isBefore(const LogPlace& place, const Extent& extent) {
    if (!place.segment) return true;
    if (place.segment == extent.segment) return place.offset < extent.offset;
    return place.segment->firstSeq() < extent.segment->firstSeq();
}

/// Copies damaged bytes of a segment, which will go one day, into the file `to`.
sdk::Result<void> copyRange(Segment& segment, const Damage& damage, const std::filesystem::path& to) {
    const auto file = createFile(to);
    if (!file) return file.error();
    std::vector<std::byte> bytes(std::min<std::uint64_t>(damage.to - damage.from, 1 << 20));
    for (std::uint64_t at = damage.from; at < damage.to;) {
        const std::size_t wanted = std::min<std::uint64_t>(bytes.size(), damage.to - at);
        const auto got = segment.read(at, std::span{bytes}.first(wanted));
        if (!got) return got.error();
        if (got.value() == 0) break;
        const sdk::Bytes piece = sdk::Bytes{bytes}.first(got.value());
        if (auto written = writeAt(file.value(), at - damage.from, piece, to); !written) return written;
        at += got.value();
    }
    return syncFile(file.value(), to);
}

}  // namespace

void LogStore::add(SegmentPtr segment) {
    const std::lock_guard lock{mutex_};
    segments_.push_back(std::move(segment));
}

void LogStore::setMemory(ExtentPtr extent) {
    const std::lock_guard lock{mutex_};
    memory_.swap(extent);  // what goes goes without the lock
}

ExtentPtr LogStore::memory() const {
    const std::lock_guard lock{mutex_};
    return memory_;
}

std::vector<SegmentPtr> LogStore::segments() const {
    const std::lock_guard lock{mutex_};
    return {segments_.begin(), segments_.end()};
}

std::vector<SegmentPtr> LogStore::releaseBefore(const Segment* oldest) {
    std::vector<SegmentPtr> released;
    const std::lock_guard lock{mutex_};
    std::erase_if(segments_, [&](const SegmentPtr& segment) {
        if (oldest != nullptr && segment->firstSeq() >= oldest->firstSeq()) return false;
        if (segment->holds() > 0) return false;
        segment->abandon();
        released.push_back(segment);
        return true;
    });
    return released;
}

void LogStore::releaseAll() {
    const std::lock_guard lock{mutex_};
    for (const SegmentPtr& segment : segments_) segment->abandon();
    segments_.clear();
}

/// `place` is in memory, or behind everything.
bool LogStore::findInMemory(LogPlace& place) const {
    for (Extent* extent = memory_.get(); extent != nullptr;) {
        Extent* const next = extent->next.load(std::memory_order_acquire);
        const bool isLater =
            extent->segment != place.segment && extent->segment->firstSeq() > place.segment->firstSeq();
        const bool hasIt = extent->segment == place.segment && place.offset < extent->end();
        if (isLater || hasIt || next == nullptr) {
            if (isLater) place = {extent->segment, extent->offset, nullptr, place.overDamage};
            place.extent = extent;
            return true;
        }
        extent = next;
    }
    return false;
}

/// The segment to read `place` from, which moves to its beginning if it was not in it, and where the part of
/// it that is not in memory ends. Null: there is none, memory_ or nothing comes next.
SegmentPtr LogStore::segmentFor(LogPlace& place, std::uint64_t& limit) const {
    const auto isEarlier = [&](const SegmentPtr& segment) {
        return place.segment && segment->firstSeq() < place.segment->firstSeq();
    };
    auto at = std::ranges::partition_point(segments_, isEarlier);
    for (; at != segments_.end(); ++at) {
        if (*at != place.segment) place = {*at, disk::kFirstBatch, nullptr, place.overDamage};
        limit = memory_ && memory_->segment == *at ? memory_->offset : (*at)->size();
        if (place.offset < limit) return *at;
        if (memory_ && memory_->segment == *at) return nullptr;
    }
    return nullptr;
}

sdk::Result<bool> LogStore::find(LogPlace& place, std::size_t wanted) {
    place.extent = nullptr;
    for (;;) {
        SegmentPtr segment;
        std::uint64_t limit = 0;
        {
            const std::lock_guard lock{mutex_};
            if (!memory_ || isBefore(place, *memory_)) segment = segmentFor(place, limit);
            if (!segment) {
                if (!memory_) return false;
                if (isBefore(place, *memory_))
                    place = {memory_->segment, memory_->offset, nullptr, place.overDamage};
                return findInMemory(place);
            }
        }
        auto chunk = readChunk(segment, place.offset, limit, wanted, account_);
        if (!chunk) return chunk.error();
        if (chunk.value().extent) {
            place.extent = std::move(chunk.value().extent);
            return true;
        }
        report(segment, chunk.value().damage);
        place.offset = chunk.value().damage.to;
        place.overDamage = true;
    }
}

std::uint64_t LogStore::damagedBatches() const {
    const std::lock_guard lock{mutex_};
    return reported_.size();
}

void LogStore::reportMissing(const SegmentPtr& segment, std::uint64_t offset, const std::string& what) {
    {
        const std::lock_guard lock{mutex_};
        if (!reported_.emplace(segment->firstSeq(), offset).second) return;
    }
    note(segment->path().string() + ": byte " + std::to_string(offset) + ": " + what);
}

bool LogStore::report(const SegmentPtr& segment, const Damage& damage) {
    const std::filesystem::path aside = segment->path().string() + "." + std::to_string(damage.from) + ".bad";
    {
        const std::lock_guard lock{mutex_};
        if (!reported_.emplace(segment->firstSeq(), damage.from).second) return true;
    }
    note(segment->path().string() + ": bytes " + std::to_string(damage.from) + " to " +
         std::to_string(damage.to) + " skipped: " + damage.what);
    const sdk::Result<void> kept = copyRange(*segment, damage, aside);
    if (!kept) note(kept.error().text);
    return kept.ok();
}

}  // namespace nsq::storage
