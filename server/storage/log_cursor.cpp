#include "storage/log_cursor.h"

#include <algorithm>
#include <cstring>

#include "storage/batch.h"

namespace nsq::storage {

namespace {

disk::BatchHeader headerAt(const std::byte* from) {
    disk::BatchHeader header;
    std::memcpy(&header, from, sizeof header);
    return header;
}

/// Brings memory for the cursor's next bytes. `overDamage` becomes true when some were passed over.
sdk::Result<bool> findMemory(LogStore& store, LogCursor& cursor, bool& overDamage) {
    const std::uint64_t wanted = cursor.batchLeft > 0 ? cursor.batch : cursor.offset;
    LogPlace place{cursor.segment, wanted, nullptr};
    const auto found = store.find(place);
    if (!found) return found;
    overDamage = overDamage || place.overDamage;
    if (place.segment != cursor.segment || place.offset != wanted) {
        // The rest of the current batch, if any, is damaged.
        cursor.batchLeft = 0;
        cursor.segment = place.segment;
        cursor.offset = place.offset;
    }
    cursor.extent = std::move(place.extent);
    return found;
}

/// Moves `cursor` behind the end of its extent. False: there is nothing yet.
sdk::Result<bool> leaveExtent(LogStore& store, LogCursor& cursor, Extent* next, bool& overDamage) {
    if (next != nullptr) {
        cursor.segment = next->segment;
        cursor.offset = next->offset;
        cursor.extent = ExtentPtr{next};
        return true;
    }
    if (cursor.extent && !cursor.extent->detached.load(std::memory_order_acquire)) return false;
    return findMemory(store, cursor, overDamage);
}

}  // namespace

/// Steps over batch headers, batches out of the log's order, and into the next memory.
sdk::Result<bool> enter(LogStore& store, LogCursor& cursor) {
    bool overDamage = false;
    for (;;) {
        Extent* next = nullptr;
        if (cursor.extent) {
            if (cursor.batchLeft > 0) return true;
            next = cursor.extent->next.load(std::memory_order_acquire);
            if (cursor.offset < cursor.extent->end()) {
                const disk::BatchHeader header = headerAt(cursor.extent->at(cursor.offset));
                if (header.magic != disk::kFreshBatch) {
                    cursor.offset += batchSize(header);
                    continue;
                }
                if (header.firstIndex > cursor.index && !overDamage) {
                    store.reportMissing(
                        cursor.segment, cursor.offset,
                        std::to_string(header.firstIndex - cursor.index) + " messages before it are missing");
                }
                cursor.batch = cursor.offset;
                cursor.batchEnd = cursor.offset + batchSize(header);
                cursor.offset += sizeof header;
                cursor.batchLeft = header.count;
                cursor.seq = header.firstSeq;
                cursor.index = header.firstIndex;
                return true;
            }
        }
        const auto moved = leaveExtent(store, cursor, next, overDamage);
        if (!moved || !moved.value()) return moved;
    }
}

sdk::Result<LogRun> readRun(LogStore& store, LogCursor& cursor, const LogLimit& limit) {
    const auto entered = enter(store, cursor);
    if (!entered) return entered.error();
    LogRun run;
    if (!entered.value()) return run;
    const std::byte* const first = cursor.extent->at(cursor.offset);
    if (cursor.batchLeft <= limit.messages && cursor.batchEnd - cursor.offset <= limit.bytes) {
        run.count = cursor.batchLeft;
        run.bytes = cursor.batchEnd - cursor.offset;
    } else {
        const std::uint64_t most = std::min<std::uint64_t>(limit.messages, cursor.batchLeft);
        while (run.count < most) {
            const std::size_t size = frameSize(first + run.bytes);
            if ((limit.strict || run.count > 0) && run.bytes + size > limit.bytes) break;
            run.bytes += size;
            ++run.count;
        }
        if (run.count == 0) return run;
    }
    run.first = {cursor.extent->owner, first};
    run.firstSeq = cursor.seq;
    run.place = {SegmentHold{cursor.segment}, static_cast<std::uint32_t>(cursor.batch)};
    cursor.offset += run.bytes;
    cursor.batchLeft -= run.count;
    cursor.seq += run.count;
    cursor.index += run.count;
    return run;
}

sdk::Result<void> skip(LogStore& store, LogCursor& cursor, std::uint64_t count) {
    const std::uint64_t to = cursor.index + count;
    while (cursor.index < to) {
        const auto run = readRun(store, cursor, {.messages = to - cursor.index});
        if (!run) return run.error();
        if (run.value().count == 0) return {};
    }
    return {};
}

sdk::Result<void> visitFrames(LogStore& store, LogCursor cursor, std::uint64_t end,
                              const FrameVisitor& visit) {
    while (cursor.index < end) {
        const auto run = readRun(store, cursor);
        if (!run) return run.error();
        if (run.value().count == 0) return {};
        // Over damage it may have come past the end.
        const std::uint64_t first = cursor.index - run.value().count;
        const std::byte* frame = run.value().first.frame;
        for (std::uint64_t index = first; index < std::min(end, cursor.index); ++index) {
            if (auto visited = visit(frame); !visited) return visited;
            frame += frameSize(frame);
        }
    }
    return {};
}

BatchPlace copyInMemory(std::uint64_t seq, const Location& message, const MemoryAccount& account) {
    const std::size_t bytes = frameSize(message.frame);
    const disk::BatchHeader header{
        disk::kMovedBatch, 0, 0, static_cast<std::uint32_t>(bytes), 1, 0, seq, 0, 0};
    Block* const block = Block::create(sizeof header + bytes, account);
    SegmentHold segment{Segment::inMemory(seq, block)};
    std::memcpy(block->data(), &header, sizeof header);
    std::memcpy(block->data() + sizeof header, message.frame, bytes);
    return {std::move(segment), 0};
}

FrameFinder::Found* FrameFinder::missing(const BatchPlace& place, std::uint64_t seq, bool overDamage) {
    if (!overDamage) {
        store_.reportMissing(place.segment.pointer(), place.offset,
                             "message " + std::to_string(seq) + " is not there");
    }
    return nullptr;
}

/// The batch at `place`, which message `seq` is looked for in. Null: it is not there.
sdk::Result<FrameFinder::Found*> FrameFinder::batchAt(const BatchPlace& place, std::uint64_t seq) {
    const SegmentPtr& segment = place.segment.pointer();
    const auto isIt = [&](const Found& found) {
        return found.batch == place.offset && found.extent->segment == segment;
    };
    if (last_ < found_.size() && isIt(found_[last_])) return &found_[last_];
    if (const auto known = std::ranges::find_if(found_, isIt); known != found_.end()) {
        last_ = static_cast<std::size_t>(known - found_.begin());
        return &*known;
    }
    ExtentPtr extent;
    for (const Found& found : found_) {
        if (found.extent->segment == segment && found.extent->has(place.offset)) extent = found.extent;
    }
    if (!extent) {
        LogPlace at{segment, place.offset, nullptr};
        const auto found = store_.findNear(at);
        if (!found) return found.error();
        const bool isThere = found.value() && at.segment == segment && at.offset == place.offset;
        if (!isThere || !at.extent->has(place.offset)) return missing(place, seq, at.overDamage);
        extent = std::move(at.extent);
    }
    if (extent->end() - place.offset < sizeof(disk::BatchHeader)) return missing(place, seq, false);
    const std::byte* const batch = extent->at(place.offset);
    const disk::BatchHeader header = headerAt(batch);
    // A saved place may be one where no batch begins, if the log lost its end with the machine's power.
    if (!isIntact(header, segment->knownSalt())) return missing(place, seq, false);
    bytes_ += extent->end() - extent->offset;
    if (bytes_ > kMostRemembered) {
        found_.clear();
        bytes_ = extent->end() - extent->offset;
        oldest_ = 0;
    }
    if (found_.size() < kRemembered) found_.emplace_back();
    last_ = oldest_;
    oldest_ = (oldest_ + 1) % kRemembered;
    found_[last_] = {std::move(extent), place.offset, header.firstSeq, batch + sizeof header};
    return &found_[last_];
}

sdk::Result<Location> FrameFinder::find(const BatchPlace& place, std::uint64_t seq) {
    const SegmentPtr& segment = place.segment.pointer();
    if (segment->isInMemory()) {
        const std::byte* const batch = segment->memory() + place.offset;
        const disk::BatchHeader header = headerAt(batch);
        return Location{segment->owner(), frameAt(batch + sizeof header, seq - header.firstSeq)};
    }
    const auto at = batchAt(place, seq);
    if (!at) return at.error();
    if (at.value() == nullptr) return Location{};
    Found& found = *at.value();
    const std::byte* const batch = found.extent->at(place.offset);
    const disk::BatchHeader header = headerAt(batch);
    if (seq < header.firstSeq || seq - header.firstSeq >= header.count) {
        missing(place, seq, false);
        return Location{};
    }
    if (seq < found.seq) {
        found.seq = header.firstSeq;
        found.frame = batch + sizeof header;
    }
    found.frame = frameAt(found.frame, seq - found.seq);
    found.seq = seq;
    return Location{found.extent->owner, found.frame};
}

}  // namespace nsq::storage
