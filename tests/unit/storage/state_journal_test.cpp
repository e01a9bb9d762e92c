#include "storage/state_journal.h"

#include <catch2/catch.hpp>

#include <algorithm>

#include "storage/file_io.h"
#include "unit/storage/batches.h"
#include "unit/storage/file_size_limit.h"
#include "unit/storage/temporary_directory.h"

namespace nsq::storage {
namespace {

using test::ByteVector;

SavedMessage put(std::uint64_t seq, std::uint16_t attempts = 1) {
    return {.seq = seq, .segment = 100, .dueNs = 7, .offset = 80, .attempts = attempts};
}

SavedMessage removed(std::uint64_t seq) {
    return {.seq = seq, .flags = SavedMessage::kRemoved};
}

SavedSet change(SavedMessages messages) {
    return {.complete = false, .messages = std::move(messages)};
}

/// A state with something of everything in it.
TopicState fullState() {
    TopicState state;
    state.paused = true;
    state.nextSeq = 500;
    state.end = {100, 900, 0, 40};
    state.distributed = {100, 700, 130, 30};
    state.deferred.messages = {put(110), put(111)};
    ChannelState channel;
    channel.name = "c";
    channel.paused = true;
    channel.cursor = {100, 300, 105, 5};
    channel.gaps = {{6, {100, 400, 0, 9}}};
    channel.runs = {{.firstSeq = 101, .segment = 100, .offset = 80, .count = 3, .unfinished = {5, 0, 0, 1}}};
    channel.inFlight = {put(104, 2)};
    channel.kept.messages = {put(102, 3), put(103, 4)};
    state.channels = {channel, {}};
    state.channels.back().name = std::string(64, 'd');
    return state;
}

/// encode() writes everything there is.
bool isSame(const TopicState& a, const TopicState& b) {
    return encode(a) == encode(b);
}

class Fixture {
public:
    const std::filesystem::path& path() const { return path_; }

    std::optional<TopicState> read(std::string& warning) const {
        StateJournal journal{path_, false};
        auto state = journal.read(warning);
        INFO((state ? "" : state.error().text));
        REQUIRE(state);
        return std::move(state).value();
    }

    /// What an undamaged file says.
    TopicState read() const {
        std::string warning;
        auto state = read(warning);
        CHECK(warning.empty());
        REQUIRE(state);
        return std::move(*state);
    }

private:
    const test::TemporaryDirectory directory_;
    const std::filesystem::path path_ = directory_ / "state";
};

TEST_CASE("a state comes back as it was saved", "[state_journal]") {
    const Fixture fixture;
    StateJournal journal{fixture.path(), GENERATE(true, false)};
    CHECK(journal.wantsAll());
    REQUIRE(journal.saveAll(fullState()));
    CHECK_FALSE(journal.wantsAll());
    REQUIRE(journal.sync());
    CHECK(isSame(fixture.read(), fullState()));
    REQUIRE(journal.saveAll({}));
    CHECK(isSame(fixture.read(), {}));
    CHECK_FALSE(std::filesystem::exists(fixture.path().string() + ".tmp"));
}

TEST_CASE("without a file there is no state", "[state_journal]") {
    const Fixture fixture;
    std::string warning;
    CHECK_FALSE(fixture.read(warning));
    CHECK(warning.empty());
}

TEST_CASE("changes are applied in order", "[state_journal]") {
    const Fixture fixture;
    StateJournal journal{fixture.path(), false};
    TopicState expected = fullState();
    REQUIRE(journal.saveAll(expected));

    TopicState first;
    first.nextSeq = 600;
    first.end = {100, 1900, 0, 50};
    first.distributed = {100, 1900, 0, 50};
    first.deferred = change({removed(110), put(112)});
    ChannelState channel;
    channel.name = "c";
    channel.cursor = {100, 1000, 0, 41};
    channel.kept = change({put(105), removed(102)});
    first.channels = {channel};
    REQUIRE(journal.saveChange(first));
    channel.cursor.index = 45;
    channel.kept = change({removed(105), put(103, 9)});
    ChannelState added;
    added.name = "new";
    added.kept.messages = {put(150)};
    TopicState second = first;
    second.deferred = change({});
    second.nextSeq = 700;
    second.channels = {added, channel};
    REQUIRE(journal.saveChange(second));

    expected.paused = false;
    expected.nextSeq = 700;
    expected.end = expected.distributed = {100, 1900, 0, 50};
    expected.deferred.messages = {put(111), put(112)};
    expected.channels[0] = channel;
    expected.channels[0].kept = {};
    expected.channels[0].kept.messages = {put(103, 9)};
    expected.channels.push_back(added);
    CHECK(isSame(fixture.read(), expected));
}

TEST_CASE("a message put, removed and put again stands once, as it was put last", "[state_journal]") {
    const Fixture fixture;
    StateJournal journal{fixture.path(), false};
    REQUIRE(journal.saveAll({}));
    const auto save = [&](SavedMessages messages) {
        TopicState state;
        state.deferred = change(std::move(messages));
        REQUIRE(journal.saveChange(state));
        return fixture.read().deferred.messages;
    };
    using Messages = SavedMessages;
    CHECK(save({put(1), put(2)}) == Messages{put(1), put(2)});
    CHECK(save({removed(1)}) == Messages{put(2)});
    CHECK(save({put(1, 5)}) == Messages{put(2), put(1, 5)});
    CHECK(save({removed(2), put(2, 6), removed(1), put(3), removed(3)}) == Messages{put(2, 6)});
    // A set that is complete replaces all.
    TopicState state;
    state.deferred.messages = {put(9)};
    REQUIRE(journal.saveChange(state));
    CHECK(fixture.read().deferred.messages == Messages{put(9)});
    CHECK(save({removed(9)}).empty());
}

TEST_CASE("many changes call for a new file", "[state_journal]") {
    const Fixture fixture;
    StateJournal journal{fixture.path(), false};
    REQUIRE(journal.saveAll({}));
    TopicState state;
    state.deferred = change({put(1)});
    int changes = 0;
    for (; !journal.wantsAll(); ++changes) REQUIRE(journal.saveChange(state));
    CHECK(std::filesystem::file_size(fixture.path()) > 64 * 1024);
    CHECK(changes > 100);
    REQUIRE(journal.saveAll(fullState()));
    CHECK_FALSE(journal.wantsAll());
    CHECK(isSame(fixture.read(), fullState()));
}

TEST_CASE("no flipped byte and no cut of a state file gives anything but an older state", "[state_journal]") {
    const Fixture fixture;
    StateJournal journal{fixture.path(), false};
    std::vector<std::uint64_t> ends;  // of the records
    std::vector<TopicState> states;
    const auto saved = [&] {
        ends.push_back(std::filesystem::file_size(fixture.path()));
        states.push_back(fixture.read());
    };
    REQUIRE(journal.saveAll(fullState()));
    saved();
    for (const std::uint64_t seq : {120, 121}) {
        TopicState state;
        state.nextSeq = 500 + seq;
        state.deferred = change({put(seq)});
        REQUIRE(journal.saveChange(state));
        saved();
    }
    const ByteVector whole = readFile(fixture.path()).value();

    // The records before byte `at` are what is left.
    const auto check = [&](const ByteVector& bytes, std::size_t at, bool isWhole) {
        CAPTURE(at, bytes.size());
        test::writeFile(fixture.path(), bytes);
        std::string warning;
        const auto state = fixture.read(warning);
        const auto left = static_cast<std::size_t>(
            std::ranges::count_if(ends, [&](std::uint64_t end) { return end <= at; }));
        REQUIRE(warning.empty() == isWhole);
        REQUIRE(state.has_value() == (left > 0));
        if (state) REQUIRE(isSame(*state, states[left - 1]));
    };
    for (std::size_t at = 0; at < whole.size(); ++at) {
        for (const std::byte mask : {std::byte{1}, std::byte{0x80}}) {
            ByteVector bytes = whole;
            test::flip(bytes, at, mask);
            check(bytes, at, false);
        }
        const ByteVector cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(at));
        check(cut, at, at == 0 || std::ranges::count(ends, at) > 0);
        // Blocks of a file that were not written before a power failure are zeros.
        ByteVector zeros = cut;
        zeros.resize(whole.size());
        if (zeros != whole) {
            const auto differs = std::ranges::mismatch(zeros, whole).in1 - zeros.begin();
            check(zeros, static_cast<std::size_t>(differs), false);
        }
    }
}

TEST_CASE("a record of another place in the file is not taken", "[state_journal]") {
    const Fixture fixture;
    StateJournal journal{fixture.path(), false};
    REQUIRE(journal.saveAll(fullState()));
    const ByteVector first = readFile(fixture.path()).value();
    TopicState state;
    state.deferred = change({put(120)});
    REQUIRE(journal.saveChange(state));
    const ByteVector both = readFile(fixture.path()).value();
    // A change without what it changes; everything twice.
    const ByteVector second(both.begin() + static_cast<std::ptrdiff_t>(first.size()), both.end());
    test::writeFile(fixture.path(), second);
    std::string warning;
    CHECK_FALSE(fixture.read(warning));
    CHECK(warning.find(fixture.path().string()) != std::string::npos);
    ByteVector twice = first;
    twice.insert(twice.end(), first.begin(), first.end());
    test::writeFile(fixture.path(), twice);
    warning.clear();
    CHECK(isSame(fixture.read(warning).value(), fullState()));
    CHECK_FALSE(warning.empty());
}

TEST_CASE("after a save that fails everything is saved anew", "[state_journal]") {
    const Fixture fixture;
    StateJournal journal{fixture.path(), false};
    REQUIRE(journal.saveAll(fullState()));
    TopicState state;
    state.deferred = change({put(120)});
    {
        const test::FileSizeLimit limit{std::filesystem::file_size(fixture.path()) + 40};
        const auto saved = journal.saveChange(state);
        REQUIRE_FALSE(saved);
        CHECK(saved.error().code == sdk::ErrorCode::kStorage);
        CHECK(journal.wantsAll());
    }
    // What is half there is not used.
    std::string warning;
    CHECK(isSame(fixture.read(warning).value(), fullState()));
    {
        const test::FileSizeLimit limit{50};
        REQUIRE_FALSE(journal.saveAll({}));
        CHECK(journal.wantsAll());
    }
    warning.clear();
    CHECK(isSame(fixture.read(warning).value(), fullState()));
    REQUIRE(journal.saveAll(state));
    CHECK_FALSE(journal.wantsAll());
    CHECK(fixture.read().deferred.messages == SavedMessages{put(120)});
}

TEST_CASE("a state file that cannot be read is an error", "[state_journal]") {
    const Fixture fixture;
    std::filesystem::create_directory(fixture.path());
    StateJournal journal{fixture.path(), false};
    std::string warning;
    const auto state = journal.read(warning);
    REQUIRE_FALSE(state);
    CHECK(state.error().code == sdk::ErrorCode::kStorage);
    CHECK_FALSE(journal.saveAll({}));
    CHECK(journal.wantsAll());
}

}  // namespace
}  // namespace nsq::storage
