#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <vector>

namespace nsq::storage {

// What is saved of a topic and its channels beside the log. These structs are written to the disk as they
// are; segments are named by their first sequence number.

/// A place in the log; see LogCursor.
struct SavedCursor {
    std::uint64_t segment = 0;
    std::uint64_t offset = 0;  ///< of the header of the batch `seq` is in, or of what comes next
    std::uint64_t seq = 0;     ///< the next message; 0: the first one from `offset` on
    std::uint64_t index = 0;

    friend bool operator==(const SavedCursor&, const SavedCursor&) = default;
};

/// A message that is taken from the log and not finished.
struct SavedMessage {
    static constexpr std::uint16_t kRemoved = 1;

    std::uint64_t seq = 0;
    std::uint64_t segment = 0;
    std::int64_t dueNs =
        0;  ///< nanoseconds since the Unix epoch before which it is not delivered; 0: at once
    std::uint32_t offset = 0;    ///< of its batch's header
    std::uint16_t attempts = 0;  ///< deliveries so far
    std::uint16_t flags = 0;     ///< kRemoved: it is not kept any more

    friend bool operator==(const SavedMessage&, const SavedMessage&) = default;
};

/// Messages of one batch in flight; see InFlightRun.
struct SavedRun {
    std::uint64_t firstSeq = 0;
    std::uint64_t segment = 0;
    std::uint32_t offset = 0;
    std::uint32_t count = 0;
    std::array<std::uint64_t, 4> unfinished{};  ///< bit i: message firstSeq + i

    friend bool operator==(const SavedRun&, const SavedRun&) = default;
};

/// Messages a channel will pass over: they were emptied before it came to them.
struct SavedGap {
    std::uint64_t fromIndex = 0;
    SavedCursor to;

    friend bool operator==(const SavedGap&, const SavedGap&) = default;
};

/// May be a million, gathered one by one: nothing is moved as it grows.
using SavedMessages = std::deque<SavedMessage>;

/// A set of messages, or what changed in it since it was saved last.
struct SavedSet {
    bool complete = true;  ///< these are all; otherwise changes, in order
    SavedMessages messages;
};

struct ChannelState {
    std::string name;
    bool paused = false;
    SavedCursor cursor;
    std::vector<SavedGap> gaps;
    std::vector<SavedRun> runs;  ///< in flight, delivered once
    SavedMessages inFlight;      ///< the others in flight, in states of earlier versions
    SavedSet kept;               ///< all that was delivered more than once, requeued, touched or deferred
};

struct TopicState {
    static constexpr std::uint32_t kMaxEpoch = (1 << 30) - 1;

    bool paused = false;
    std::uint32_t epoch = 0;  ///< drawn when the topic is made and when a channel is removed: with the same
                              ///< one, no channel was removed in between
    std::uint64_t nextSeq = 0;
    SavedCursor end;          ///< of the log: what comes after it is found by reading on from there
    SavedCursor distributed;  ///< up to here the channels may read
    SavedSet deferred;        ///< deferred messages that are not distributed
    std::vector<ChannelState> channels;  ///< in a change: those that changed
};

/// Makes `set` what it is after `change`, but for settle().
void apply(SavedSet& set, SavedSet change);

/// Carries out the changes that apply() has gathered: each message stands in `set` once or not at all.
void settle(SavedSet& set);

/// Makes `state` what it is after `change`, but for settle() on its sets.
void apply(TopicState& state, TopicState change);

/// As bytes behind `room` bytes for the caller, and back; false when `bytes` are not what encode makes.
std::vector<std::byte> encode(const TopicState& state, std::size_t room = 0);
bool decode(std::span<const std::byte> bytes, TopicState& state);

}  // namespace nsq::storage
