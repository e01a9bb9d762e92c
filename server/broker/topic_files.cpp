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

/// The files in `directory`, sorted; none when it does not exist.
sdk::Result<std::vector<fs::path>> filesIn(const fs::path& directory) {
    std::vector<fs::path> paths;
    std::error_code failure;
    fs::directory_iterator entry{directory, failure};
    for (; !failure && entry != fs::directory_iterator{}; entry.increment(failure)) {
        paths.push_back(entry->path());
    }
    if (failure && failure != std::errc::no_such_file_or_directory) {
        return storage::storageError(directory, "cannot be read", failure.value());
    }
    std::ranges::sort(paths);
    return paths;
}

/// Segment files among `files`, the oldest first: their names sort so.
std::vector<fs::path> segmentsOf(const std::vector<fs::path>& files) {
    std::vector<fs::path> paths;
    std::ranges::copy_if(files, std::back_inserter(paths), [](const fs::path& path) {
        return path.extension() == ".log" && path != storage::pendingFile(path.parent_path());
    });
    return paths;
}

/// Ends the names of damaged files, kept for whoever wants to look into them.
constexpr const char* kAsideSuffix = ".bad";

/// Removes the files of an earlier save which are not among `written`.
void removeOthers(const fs::path& directory, const std::vector<fs::path>& written) {
    std::error_code ignored;
    const auto files = filesIn(directory);
    if (!files) return;
    for (const fs::path& path : files.value()) {
        if (path.extension() == kAsideSuffix) continue;
        if (std::ranges::find(written, path) == written.end()) fs::remove(path, ignored);
    }
}

}  // namespace

sdk::Result<void> Topic::save(const fs::path& directory, std::int64_t maxBytesPerFile) const {
    const std::lock_guard lock{mutex_};
    const std::uint64_t end = log_.end().index;
    PendingFrames frames;
    std::vector<std::pair<fs::path, storage::ReaderState>> states;
    storage::LogCursor first = distributed_;
    std::vector<Channel::Saved> kept;  // keeps the frames in memory
    for (const auto& [name, channel] : channels_) {
        if (sdk::isEphemeral(name)) continue;
        Channel::Saved& saved = kept.emplace_back(channel->save());
        if (saved.cursor.index < first.index) first = saved.cursor;
        states.emplace_back(
            storage::channelStateFile(directory, name),
            stateOf(log_.nextSeq(), seqAt(saved.cursor, end, log_.nextSeq()), saved.pending, frames));
    }
    // The topic's last: while it is old, a channel without a state is not taken for a new one.
    states.emplace_back(
        storage::topicStateFile(directory),
        stateOf(log_.nextSeq(), seqAt(distributed_, end, log_.nextSeq()), undistributed_, frames));

    std::error_code failure;
    if (first.index == end && frames.empty()) {
        // Nothing to keep: thousands of idle topics cost no writes.
        removeOthers(directory, {});
        fs::remove(directory, failure);  // stays with what was kept aside
        return {};
    }
    fs::create_directories(directory, failure);
    if (failure) return storage::storageError(directory, "cannot be created", failure.value());
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

/// A message of pending.log.
struct PendingOnDisk {
    storage::Location at;
    bool elsewhere = false;  ///< who does not have it may still get it from the log or the topic
    bool claimed = false;    ///< a channel had taken it
};

using PendingMessages = std::map<std::uint64_t, PendingOnDisk>;

/// What the reader with this state had taken and not finished. A state that is older than pending.log, after
/// a save that failed, or that is damaged (nextSeq 0) does not know: it gets all that came since and
/// does not come to it otherwise, as if delivered once. Rather some twice than one lost.
std::vector<DeferredMessage> pendingOf(const storage::ReaderState& state, PendingMessages& messages) {
    std::vector<DeferredMessage> pending;
    for (const storage::PendingState& saved : state.pending) {
        const auto found = messages.find(saved.seq);
        if (found == messages.end()) continue;
        found->second.claimed = true;
        const Clock::time_point due = saved.dueNs == 0 ? Clock::time_point{} : fromUnixNs(saved.dueNs);
        pending.push_back({due, {saved.seq, found->second.at, saved.attempts}});
    }
    for (auto later = messages.lower_bound(state.nextSeq); later != messages.end(); ++later) {
        if (later->second.elsewhere) continue;
        later->second.claimed = true;
        pending.push_back({{}, {later->first, later->second.at, 1}});
    }
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

/// Puts what the segments hold back into `log`, and returns the messages of pending.log. What is wrong with a
/// file goes to `warnings`.
PendingMessages restoreLog(storage::TopicLog& log, const std::vector<fs::path>& files,
                           std::vector<std::string>& warnings) {
    const auto read = [&](const fs::path& path, const auto& onBatch) {
        const auto report = storage::readSegment(path, onBatch);
        if (report && report.value().text.empty()) return;
        warnings.push_back(report ? report.value().text : report.error().text);
        keepAside(path);
    };
    PendingMessages messages;
    const fs::path pending = storage::pendingFile(files.front().parent_path());
    if (std::ranges::binary_search(files, pending)) {
        read(pending, [&](const storage::SegmentBatch& batch) {
            messages[batch.firstSeq].at = log.restoreMessage(batch.firstSeq, batch.frames).at;
        });
    }
    std::uint64_t next = 0;  // messages before this one were restored
    for (const fs::path& path : segmentsOf(files)) {
        read(path, [&](const storage::SegmentBatch& batch) {
            // A save that was cut short leaves its files beside those of the one before.
            const std::uint64_t known = next > batch.firstSeq ? next - batch.firstSeq : 0;
            if (known >= batch.count) return;
            const auto skipped = static_cast<std::uint32_t>(known);
            const std::byte* const from = storage::frameAt(batch.frames.data(), skipped);
            log.restore(batch.firstSeq + known, batch.count - skipped,
                        batch.frames.subspan(static_cast<std::size_t>(from - batch.frames.data())));
            next = batch.firstSeq + batch.count;
            for (auto both = messages.lower_bound(batch.firstSeq + known);
                 both != messages.end() && both->first < next; ++both) {
                both->second.elsewhere = true;
            }
        });
    }
    if (!messages.empty()) log.skipTo(messages.rbegin()->first + 1);
    return messages;
}

}  // namespace

sdk::Result<std::vector<std::string>> Topic::restore(const fs::path& directory) {
    const std::lock_guard lock{mutex_};
    std::vector<std::string> warnings;
    const auto files = filesIn(directory);
    if (!files) return files.error();
    if (files.value().empty()) return warnings;
    // New messages get numbers above all of this run's lease, whatever the files say.
    const std::uint64_t resumeAt = log_.nextSeq();
    const storage::LogCursor begin = log_.end();
    PendingMessages messages = restoreLog(log_, files.value(), warnings);
    log_.commit();
    log_.skipTo(resumeAt);

    const auto stateIn = [&](const fs::path& path, const storage::ReaderState& otherwise) {
        if (!std::ranges::binary_search(files.value(), path)) return otherwise;
        auto state = storage::readState(path);
        if (state) return std::move(state).value();
        warnings.push_back(state.error().text);
        return storage::ReaderState{};
    };
    const storage::ReaderState own = stateIn(storage::topicStateFile(directory), {});
    for (const storage::PendingState& saved : own.pending) {
        if (const auto found = messages.find(saved.seq); found != messages.end()) {
            found->second.elsewhere = true;  // comes to the channels from the topic
        }
    }
    distributed_ = begin;
    seek(distributed_, log_.end().index, own.cursorSeq);
    distributedIndex_->store(distributed_.index, std::memory_order_seq_cst);
    for (const auto& [name, channel] : channels_) {
        // Without a state it was made after the last save.
        const auto state =
            stateIn(storage::channelStateFile(directory, name), {own.nextSeq, own.cursorSeq, {}});
        storage::LogCursor cursor = begin;
        seek(cursor, distributed_.index, state.cursorSeq);
        channel->restore(cursor, pendingOf(state, messages));
    }
    std::erase_if(messages, [](const auto& message) { return message.second.claimed; });
    undistributed_ = pendingOf(own, messages);
    distribute();
    return warnings;
}

}  // namespace nsq::broker
