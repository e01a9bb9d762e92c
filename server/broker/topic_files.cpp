// How a topic is saved when the server stops, and restored when it starts.

#include <algorithm>
#include <map>
#include <optional>

#include "broker/topic.h"
#include "nsq/sdk/names.h"
#include "storage/file_io.h"
#include "storage/segment_file.h"
#include "storage/state_file.h"
#include "storage/topic_directory.h"

namespace nsq::broker {

namespace fs = std::filesystem;

namespace {

std::int64_t toUnixNs(Clock::time_point when) {
    const auto fromNow = std::chrono::duration_cast<std::chrono::nanoseconds>(when - Clock::now());
    const auto unixNow = std::chrono::duration_cast<std::chrono::nanoseconds>(
        std::chrono::system_clock::now().time_since_epoch());
    return (unixNow + fromNow).count();
}

Clock::time_point fromUnixNs(std::int64_t ns) {
    const auto unixNow = std::chrono::duration_cast<std::chrono::nanoseconds>(
        std::chrono::system_clock::now().time_since_epoch());
    return Clock::now() + (std::chrono::nanoseconds{ns} - unixNow);
}

/// Messages to be written to pending.log, once each whatever the number of channels.
using PendingFrames = std::map<std::uint64_t, const std::byte*>;

/// The sequence number of the message after `cursor`; `none` if there is no such message.
std::uint64_t seqAt(storage::LogCursor cursor, std::uint64_t endIndex, std::uint64_t none) {
    return cursor.index == endIndex ? none : storage::readRun(cursor, 1, SIZE_MAX).firstSeq;
}

storage::ReaderState stateOf(std::uint64_t nextSeq, std::uint64_t cursorSeq,
                             const std::vector<DeferredMessage>& pending, PendingFrames& frames) {
    storage::ReaderState state{nextSeq, cursorSeq, {}};
    for (const auto& [due, message] : pending) {
        const bool atOnce = due == Clock::time_point{};
        state.pending.push_back({message.seq, atOnce ? 0 : toUnixNs(due), message.attempts});
        frames.emplace(message.seq, message.at.frame);
    }
    return state;
}

/// Writes the log from `cursor` to its end, a new file every `maxBytesPerFile`.
sdk::Result<std::vector<fs::path>> writeSegments(const fs::path& directory, storage::LogCursor cursor,
                                                 std::uint64_t endIndex, std::int64_t maxBytesPerFile) {
    std::vector<fs::path> paths;
    std::optional<storage::SegmentWriter> writer;
    while (cursor.index < endIndex) {
        const storage::LogRun run = storage::readRun(cursor, UINT64_MAX, SIZE_MAX);
        if (writer && static_cast<std::int64_t>(writer->size() + run.bytes) > maxBytesPerFile) {
            if (auto closed = writer->close(); !closed) return closed.error();
            writer.reset();
        }
        if (!writer) {
            paths.push_back(storage::segmentFile(directory, run.firstSeq));
            auto created = storage::SegmentWriter::create(paths.back(), run.firstSeq);
            if (!created) return created.error();
            writer.emplace(std::move(created).value());
        }
        if (auto appended = writer->append(run.firstSeq, run.count, run.frames()); !appended)
            return appended.error();
    }
    if (writer) {
        if (auto closed = writer->close(); !closed) return closed.error();
    }
    return paths;
}

sdk::Result<void> writePending(const fs::path& path, const PendingFrames& frames) {
    auto writer = storage::SegmentWriter::create(path, frames.begin()->first);
    if (!writer) return writer.error();
    for (const auto& [seq, frame] : frames) {
        if (auto appended = writer.value().append(seq, 1, {frame, storage::frameSize(frame)}); !appended) {
            return appended;
        }
    }
    return writer.value().close();
}

/// Segment files in `directory`, the oldest first: their names sort so.
std::vector<fs::path> segmentsIn(const fs::path& directory) {
    std::vector<fs::path> paths;
    for (const fs::directory_entry& entry : fs::directory_iterator{directory}) {
        if (entry.path().extension() == ".log" && entry.path() != storage::pendingFile(directory)) {
            paths.push_back(entry.path());
        }
    }
    std::ranges::sort(paths);
    return paths;
}

/// Ends the names of damaged files, kept for whoever wants to look into them.
constexpr const char* kAsideSuffix = ".bad";

/// Removes the files of an earlier save which are not among `written`.
void removeOthers(const fs::path& directory, const std::vector<fs::path>& written) {
    std::error_code ignored;
    for (const fs::directory_entry& entry : fs::directory_iterator{directory, ignored}) {
        if (entry.path().extension() == kAsideSuffix) continue;
        if (std::ranges::find(written, entry.path()) == written.end()) fs::remove(entry.path(), ignored);
    }
}

}  // namespace

sdk::Result<void> Topic::save(const fs::path& directory, std::int64_t maxBytesPerFile) const {
    const std::lock_guard lock{mutex_};
    std::error_code failure;
    fs::create_directories(directory, failure);
    if (failure) return storage::storageError(directory, "cannot be created", failure.value());

    const std::uint64_t end = log_.end().index;
    PendingFrames frames;
    std::map<fs::path, storage::ReaderState> states;
    storage::LogCursor first = distributed_;
    std::vector<Channel::Saved> kept;  // keeps the frames in memory
    states[storage::topicStateFile(directory)] =
        stateOf(log_.nextSeq(), seqAt(distributed_, end, log_.nextSeq()), undistributed_, frames);
    for (const auto& [name, channel] : channels_) {
        if (sdk::isEphemeral(name)) continue;
        Channel::Saved& saved = kept.emplace_back(channel->save());
        if (saved.cursor.index < first.index) first = saved.cursor;
        states[storage::channelStateFile(directory, name)] =
            stateOf(log_.nextSeq(), seqAt(saved.cursor, end, log_.nextSeq()), saved.pending, frames);
    }

    auto segments = writeSegments(directory, first, end, maxBytesPerFile);
    if (!segments) return segments.error();
    std::vector<fs::path> written = std::move(segments).value();
    if (!frames.empty()) {
        written.push_back(storage::pendingFile(directory));
        if (auto done = writePending(written.back(), frames); !done) return done;
    }
    for (const auto& [path, state] : states) {
        if (auto done = storage::writeState(path, state); !done) return done;
        written.push_back(path);
    }
    removeOthers(directory, written);
    return storage::syncDirectory(directory);
}

namespace {

/// Messages of pending.log by sequence number.
using PendingMessages = std::map<std::uint64_t, storage::Location>;

std::vector<DeferredMessage> pendingOf(const storage::ReaderState& state, const PendingMessages& messages) {
    std::vector<DeferredMessage> pending;
    for (const storage::PendingState& saved : state.pending) {
        const auto found = messages.find(saved.seq);
        if (found == messages.end()) continue;
        const Clock::time_point due = saved.dueNs == 0 ? Clock::time_point{} : fromUnixNs(saved.dueNs);
        pending.push_back({due, {saved.seq, found->second, saved.attempts}});
    }
    return pending;
}

/// All of them, as if each had been delivered once.
std::vector<DeferredMessage> allOf(const PendingMessages& messages) {
    std::vector<DeferredMessage> pending;
    for (const auto& [seq, at] : messages) pending.push_back({{}, {seq, at, 1}});
    return pending;
}

/// The next save removes a damaged file: a copy stays.
void keepAside(const fs::path& path) {
    std::error_code failure;
    const fs::path aside = path.string() + kAsideSuffix;
    fs::copy_file(path, aside, fs::copy_options::overwrite_existing, failure);
    if (failure) fs::rename(path, aside, failure);
}

/// Moves `cursor` to the first message that is not before `seq`.
void seek(storage::LogCursor& cursor, std::uint64_t endIndex, std::uint64_t seq) {
    while (cursor.index < endIndex) {
        storage::LogCursor next = cursor;
        const storage::LogRun run = storage::readRun(next, UINT64_MAX, SIZE_MAX);
        if (run.firstSeq + run.count > seq) {
            if (seq > run.firstSeq) storage::skip(cursor, seq - run.firstSeq);
            return;
        }
        cursor = next;
    }
}

}  // namespace

sdk::Result<std::vector<std::string>> Topic::restore(const fs::path& directory) {
    const std::lock_guard lock{mutex_};
    std::vector<std::string> warnings;
    if (!fs::exists(directory)) return warnings;
    // New messages get numbers above all of this run's lease, whatever the files say.
    const std::uint64_t resumeAt = log_.nextSeq();
    const storage::LogCursor begin = log_.end();
    const auto note = [&](const auto& result) {
        if (!result) warnings.push_back(result.error().text);
        return result.ok();
    };
    const auto noteDamage = [&](const fs::path& path, const sdk::Result<storage::SegmentReport>& report) {
        if (report && report.value().text.empty()) return;
        warnings.push_back(report ? report.value().text : report.error().text);
        keepAside(path);
    };
    std::uint64_t next = 0;  // messages before this one were restored
    for (const fs::path& path : segmentsIn(directory)) {
        const auto report = storage::readSegment(path, [&](const storage::SegmentBatch& batch) {
            // A save that was cut short leaves its files beside those of the one before.
            const std::uint64_t known = next > batch.firstSeq ? next - batch.firstSeq : 0;
            if (known >= batch.count) return;
            const auto skipped = static_cast<std::uint32_t>(known);
            const std::byte* const from = storage::frameAt(batch.frames.data(), skipped);
            log_.restore(batch.firstSeq + known, batch.count - skipped,
                         batch.frames.subspan(static_cast<std::size_t>(from - batch.frames.data())));
            next = batch.firstSeq + batch.count;
        });
        noteDamage(path, report);
    }
    PendingMessages messages;
    if (const fs::path path = storage::pendingFile(directory); fs::exists(path)) {
        const auto report = storage::readSegment(path, [&](const storage::SegmentBatch& batch) {
            messages[batch.firstSeq] = log_.restoreMessage(batch.firstSeq, batch.frames).at;
        });
        noteDamage(path, report);
    }
    log_.commit();
    log_.skipTo(resumeAt);
    const std::uint64_t end = log_.end().index;

    distributed_ = begin;
    if (const fs::path path = storage::topicStateFile(directory); fs::exists(path)) {
        if (const auto state = storage::readState(path); note(state)) {
            seek(distributed_, end, state.value().cursorSeq);
            undistributed_ = pendingOf(state.value(), messages);
        }
    }
    distributedIndex_->store(distributed_.index, std::memory_order_seq_cst);
    for (const auto& [name, channel] : channels_) {
        const fs::path path = storage::channelStateFile(directory, name);
        if (!fs::exists(path)) {
            channel->restore(distributed_, {});  // made after the last save
        } else if (const auto state = storage::readState(path); note(state)) {
            storage::LogCursor cursor = begin;
            seek(cursor, distributed_.index, state.value().cursorSeq);
            channel->restore(cursor, pendingOf(state.value(), messages));
        } else {
            channel->restore(begin, allOf(messages));  // rather some twice than one lost
        }
    }
    distribute();
    return warnings;
}

}  // namespace nsq::broker
