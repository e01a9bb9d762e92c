#include "storage/topic_state.h"

#include <boost/unordered/unordered_flat_map.hpp>

#include <algorithm>
#include <cstring>
#include <type_traits>

namespace nsq::storage {

namespace {

constexpr std::uint32_t kPaused = 1;
constexpr std::uint32_t kComplete = 2;
constexpr int kEpochShift = 2;

struct TopicPart {
    std::uint64_t nextSeq;
    SavedCursor end;
    SavedCursor distributed;
    std::uint64_t deferred;
    std::uint32_t channels;
    std::uint32_t flags;
};

struct ChannelPart {
    SavedCursor cursor;
    std::uint64_t gaps;
    std::uint64_t runs;
    std::uint64_t inFlight;
    std::uint64_t kept;
    std::uint32_t nameLength;
    std::uint32_t flags;
};

static_assert(std::has_unique_object_representations_v<TopicPart>);
static_assert(std::has_unique_object_representations_v<ChannelPart>);
static_assert(std::has_unique_object_representations_v<SavedMessage> && sizeof(SavedMessage) == 32);
static_assert(std::has_unique_object_representations_v<SavedRun> && sizeof(SavedRun) == 56);
static_assert(std::has_unique_object_representations_v<SavedGap>);

template <typename Objects>
std::size_t bytesOf(const Objects& objects) {
    return objects.size() * sizeof(typename Objects::value_type);
}

class Writer {
public:
    /// Begins with `room` bytes of anything, and will have `size` more.
    Writer(std::size_t room, std::size_t size) {
        bytes_.reserve(room + size);
        bytes_.resize(room);
    }

    template <typename T>
    void put(const T& object) {
        append(&object, sizeof object);
    }
    template <typename Objects>
    void putAll(const Objects& objects) {
        for (const auto& object : objects) append(&object, sizeof object);
    }
    void append(const void* from, std::size_t size) {
        const auto* bytes = static_cast<const std::byte*>(from);
        bytes_.insert(bytes_.end(), bytes, bytes + size);
    }
    std::vector<std::byte> take() { return std::move(bytes_); }

private:
    std::vector<std::byte> bytes_;
};

class Reader {
public:
    explicit Reader(std::span<const std::byte> bytes) : bytes_(bytes) {}

    template <typename T>
    bool get(T& object) {
        return copy(&object, sizeof object);
    }
    template <typename Objects>
    bool getAll(Objects& objects, std::uint64_t count) {
        if (count > bytes_.size() / sizeof(typename Objects::value_type)) return false;
        objects.resize(count);
        for (auto& object : objects) get(object);
        return true;
    }
    bool getText(std::string& text, std::size_t length) {
        if (length > bytes_.size()) return false;
        text.resize(length);
        return copy(text.data(), length);
    }
    bool isAtEnd() const { return bytes_.empty(); }

private:
    bool copy(void* to, std::size_t size) {
        if (size > bytes_.size()) return false;
        if (size > 0) std::memcpy(to, bytes_.data(), size);
        bytes_ = bytes_.subspan(size);
        return true;
    }

    std::span<const std::byte> bytes_;
};

std::uint32_t flagsOf(bool paused, bool complete) {
    return (paused ? kPaused : 0) | (complete ? kComplete : 0);
}

bool decodeChannel(Reader& reader, ChannelState& channel) {
    ChannelPart part{};
    if (!reader.get(part) || !reader.getText(channel.name, part.nameLength)) return false;
    channel.cursor = part.cursor;
    channel.paused = (part.flags & kPaused) != 0;
    channel.kept.complete = (part.flags & kComplete) != 0;
    return reader.getAll(channel.gaps, part.gaps) && reader.getAll(channel.runs, part.runs) &&
           reader.getAll(channel.inFlight, part.inFlight) && reader.getAll(channel.kept.messages, part.kept);
}

std::size_t encodedSize(const TopicState& state) {
    std::size_t size = sizeof(TopicPart) + bytesOf(state.deferred.messages);
    for (const ChannelState& channel : state.channels) {
        size += sizeof(ChannelPart) + channel.name.size() + bytesOf(channel.gaps) + bytesOf(channel.runs) +
                bytesOf(channel.inFlight) + bytesOf(channel.kept.messages);
    }
    return size;
}

}  // namespace

void apply(SavedSet& set, SavedSet change) {
    if (change.complete) {
        set = std::move(change);
    } else {
        set.messages.insert(set.messages.end(), change.messages.begin(), change.messages.end());
    }
}

void settle(SavedSet& set) {
    boost::unordered_flat_map<std::uint64_t, std::size_t> last;
    last.reserve(set.messages.size());
    for (std::size_t i = 0; i < set.messages.size(); ++i) last[set.messages[i].seq] = i;
    SavedMessages settled;
    for (std::size_t i = 0; i < set.messages.size(); ++i) {
        const SavedMessage& message = set.messages[i];
        const bool isRemoved = (message.flags & SavedMessage::kRemoved) != 0;
        if (!isRemoved && last[message.seq] == i) settled.push_back(message);
    }
    set.messages = std::move(settled);
}

void apply(TopicState& state, TopicState change) {
    state.paused = change.paused;
    state.epoch = change.epoch;
    state.nextSeq = change.nextSeq;
    state.end = change.end;
    state.distributed = change.distributed;
    apply(state.deferred, std::move(change.deferred));
    for (ChannelState& channel : change.channels) {
        const auto known = std::ranges::find(state.channels, channel.name, &ChannelState::name);
        if (known == state.channels.end()) {
            state.channels.push_back(std::move(channel));
            continue;
        }
        SavedSet kept = std::move(known->kept);
        apply(kept, std::move(channel.kept));
        *known = std::move(channel);
        known->kept = std::move(kept);
    }
}

std::vector<std::byte> encode(const TopicState& state, std::size_t room) {
    Writer writer{room, encodedSize(state)};
    writer.put(TopicPart{state.nextSeq, state.end, state.distributed, state.deferred.messages.size(),
                         static_cast<std::uint32_t>(state.channels.size()),
                         flagsOf(state.paused, state.deferred.complete) | state.epoch << kEpochShift});
    writer.putAll(state.deferred.messages);
    for (const ChannelState& channel : state.channels) {
        writer.put(ChannelPart{channel.cursor, channel.gaps.size(), channel.runs.size(),
                               channel.inFlight.size(), channel.kept.messages.size(),
                               static_cast<std::uint32_t>(channel.name.size()),
                               flagsOf(channel.paused, channel.kept.complete)});
        writer.append(channel.name.data(), channel.name.size());
        writer.putAll(channel.gaps);
        writer.putAll(channel.runs);
        writer.putAll(channel.inFlight);
        writer.putAll(channel.kept.messages);
    }
    return writer.take();
}

bool decode(std::span<const std::byte> bytes, TopicState& state) {
    Reader reader{bytes};
    TopicPart part{};
    if (!reader.get(part)) return false;
    state = {};
    state.paused = (part.flags & kPaused) != 0;
    state.epoch = part.flags >> kEpochShift;
    state.nextSeq = part.nextSeq;
    state.end = part.end;
    state.distributed = part.distributed;
    state.deferred.complete = (part.flags & kComplete) != 0;
    if (!reader.getAll(state.deferred.messages, part.deferred)) return false;
    for (std::uint32_t i = 0; i < part.channels; ++i) {
        if (!decodeChannel(reader, state.channels.emplace_back())) return false;
    }
    return reader.isAtEnd();
}

}  // namespace nsq::storage
