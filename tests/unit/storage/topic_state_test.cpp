#include "storage/topic_state.h"

#include <catch2/catch.hpp>

#include <cstddef>

namespace nsq::storage {
namespace {

SavedMessage put(std::uint64_t seq, std::uint16_t attempts = 1) {
    return {.seq = seq, .segment = 100, .dueNs = -7, .offset = 80, .attempts = attempts};
}

SavedMessage removed(std::uint64_t seq) {
    return {.seq = seq, .flags = SavedMessage::kRemoved};
}

SavedSet change(SavedMessages messages) {
    return {.complete = false, .messages = std::move(messages)};
}

ChannelState channel(std::string name, SavedSet kept) {
    ChannelState state;
    state.name = std::move(name);
    state.kept = std::move(kept);
    return state;
}

/// Something of everything.
TopicState fullState() {
    TopicState state;
    state.paused = true;
    state.nextSeq = 500;
    state.end = {100, 900, 0, 40};
    state.distributed = {100, 700, 130, 30};
    state.epoch = TopicState::kMaxEpoch;
    state.deferred = {true, {put(110), put(111)}};
    ChannelState full = channel("c#ephemeral", change({put(102, 3), removed(103)}));
    full.paused = true;
    full.cursor = {100, 300, 105, 5};
    full.gaps = {{6, {100, 400, 0, 9}}, {16, {100, 500, 1, 19}}};
    full.runs = {{101, 100, 80, 3, {5, 0, 0, UINT64_MAX}}};
    full.inFlight = {put(104, UINT16_MAX)};
    state.channels = {full, channel(std::string(64, 'd'), {})};
    return state;
}

TEST_CASE("a state comes back from its bytes", "[topic_state]") {
    const TopicState state = fullState();
    TopicState read;
    read.nextSeq = 1;
    read.channels.resize(7);
    REQUIRE(decode(encode(state), read));
    CHECK(read.paused);
    CHECK(read.epoch == TopicState::kMaxEpoch);
    CHECK(read.nextSeq == state.nextSeq);
    CHECK(read.end == state.end);
    CHECK(read.distributed == state.distributed);
    CHECK(read.deferred.complete);
    CHECK(read.deferred.messages == state.deferred.messages);
    REQUIRE(read.channels.size() == 2);
    const ChannelState& first = read.channels[0];
    CHECK(first.name == "c#ephemeral");
    CHECK(first.paused);
    CHECK(first.cursor == state.channels[0].cursor);
    CHECK(first.gaps == state.channels[0].gaps);
    CHECK(first.runs == state.channels[0].runs);
    CHECK(first.inFlight == state.channels[0].inFlight);
    CHECK_FALSE(first.kept.complete);
    CHECK(first.kept.messages == state.channels[0].kept.messages);
    CHECK(read.channels[1].name == std::string(64, 'd'));
    CHECK_FALSE(read.channels[1].paused);
    CHECK(read.channels[1].kept.complete);
    CHECK(decode(encode({}), read));
    CHECK(encode(read) == encode({}));
}

TEST_CASE("bytes that are cut or longer are no state, whatever they are they do no harm", "[topic_state]") {
    const std::vector<std::byte> whole = encode(fullState());
    TopicState read;
    for (std::size_t size = 0; size < whole.size(); ++size) {
        CAPTURE(size);
        REQUIRE_FALSE(decode(std::span{whole}.first(size), read));
    }
    std::vector<std::byte> longer = whole;
    longer.push_back({});
    CHECK_FALSE(decode(longer, read));
    // The journal's checksum is what notices; here counts and sizes may be anything.
    for (std::size_t at = 0; at < whole.size(); ++at) {
        std::vector<std::byte> damaged = whole;
        damaged[at] = ~damaged[at];
        if (decode(damaged, read)) REQUIRE(encode(read).size() == whole.size());
    }
}

TEST_CASE("a change is applied after what was there, a complete set in place of it", "[topic_state]") {
    SavedSet set{true, {put(1), put(2)}};
    apply(set, change({removed(1), put(3)}));
    apply(set, change({put(2, 9)}));
    settle(set);
    CHECK(set.messages == SavedMessages{put(3), put(2, 9)});
    CHECK(set.complete);
    apply(set, SavedSet{true, {put(7)}});
    CHECK(set.messages == SavedMessages{put(7)});
    apply(set, change({}));
    settle(set);
    CHECK(set.messages == SavedMessages{put(7)});
}

TEST_CASE("of changes to one message the last one holds", "[topic_state]") {
    SavedSet set;
    apply(set, change({put(1, 1), removed(1), put(1, 2)}));  // stays
    apply(set, change({put(2), removed(2)}));                // goes
    apply(set, change({removed(3)}));                        // was never there
    apply(set, change({put(4), put(4, 5), removed(5), put(5)}));
    settle(set);
    CHECK(set.messages == SavedMessages{put(1, 2), put(4, 5), put(5)});
    settle(set);
    CHECK(set.messages.size() == 3);
}

TEST_CASE("a topic's change touches the channels it names", "[topic_state]") {
    TopicState state = fullState();
    state.channels[0].kept = {true, {put(1), put(2)}};
    TopicState next;
    next.nextSeq = 900;
    next.end = {200, 80, 0, 60};
    next.distributed = {200, 80, 0, 59};
    next.deferred = change({removed(110), put(112)});
    next.channels = {channel("new", {true, {put(5)}}), channel("c#ephemeral", change({removed(1)}))};
    next.channels[1].cursor = {200, 80, 0, 60};
    apply(state, std::move(next));
    settle(state.deferred);
    for (ChannelState& one : state.channels) settle(one.kept);

    CHECK_FALSE(state.paused);
    CHECK(state.nextSeq == 900);
    CHECK(state.end.segment == 200);
    CHECK(state.distributed.index == 59);
    CHECK(state.deferred.messages == SavedMessages{put(111), put(112)});
    REQUIRE(state.channels.size() == 3);
    CHECK(state.channels[0].cursor.index == 60);
    CHECK(state.channels[0].runs.empty());
    CHECK(state.channels[0].inFlight.empty());
    CHECK_FALSE(state.channels[0].paused);
    CHECK(state.channels[0].kept.messages == SavedMessages{put(2)});
    CHECK(state.channels[1].name == std::string(64, 'd'));
    CHECK(state.channels[2].name == "new");
    CHECK(state.channels[2].kept.messages == SavedMessages{put(5)});
}

}  // namespace
}  // namespace nsq::storage
