#pragma once

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "nsq/sdk/message.h"
#include "storage/topic_log.h"

namespace nsq::test {

/// One message, copied out of a log or a file.
struct ReadMessage {
    std::uint64_t id = 0;
    std::uint16_t attempts = 0;
    std::int64_t timestampNs = 0;
    std::string body;

    std::uint64_t seq() const { return id & storage::TopicLog::kSeqMask; }
};

inline std::vector<ReadMessage> decode(sdk::Bytes frames) {
    std::vector<ReadMessage> messages;
    while (!frames.empty()) {
        const sdk::MessageView view = sdk::nextMessage(frames);
        messages.push_back(
            {view.id.value, view.attempts, view.timestampNs, std::string{sdk::asText(view.body)}});
    }
    return messages;
}

/// The message at a place in memory.
inline ReadMessage messageAt(const storage::Location& at) {
    REQUIRE(at.frame != nullptr);
    const auto size = static_cast<std::size_t>(sdk::loadBig<std::int32_t>(at.frame)) + sdk::frame::kSizeBytes;
    return decode({at.frame, size}).front();
}

inline storage::LogRun readOne(storage::LogStore& store, storage::LogCursor& cursor,
                               const storage::LogLimit& limit = {}) {
    auto run = storage::readRun(store, cursor, limit);
    INFO((run ? "" : run.error().text));
    REQUIRE(run);
    return std::move(run).value();
}

/// Reads what there is at `cursor`, up to `count` messages, in runs of at most `most` messages.
inline std::vector<ReadMessage> readAll(storage::LogStore& store, storage::LogCursor& cursor,
                                        std::uint64_t count = UINT64_MAX, std::uint64_t most = UINT64_MAX) {
    std::vector<ReadMessage> messages;
    while (messages.size() < count) {
        const storage::LogRun run =
            readOne(store, cursor, {.messages = std::min<std::uint64_t>(most, count - messages.size())});
        if (run.count == 0) break;
        std::uint64_t seq = run.firstSeq;
        for (ReadMessage& message : decode(run.frames())) {
            REQUIRE(message.seq() == seq++);
            messages.push_back(std::move(message));
        }
        REQUIRE(seq == run.firstSeq + run.count);
    }
    return messages;
}

/// For stores of tests in which nothing is wrong with the files, or nobody asks.
inline void ignoreReport(const std::string&) {}

inline storage::MemoryAccount newAccount() {
    return std::make_shared<std::atomic<std::int64_t>>(0);
}

inline std::vector<sdk::Bytes> asBodies(const std::vector<std::string>& texts) {
    std::vector<sdk::Bytes> bodies;
    for (const std::string& text : texts) bodies.push_back(sdk::asBytes(text));
    return bodies;
}

/// Appends texts as one publish.
inline void append(storage::TopicLog& log, const std::vector<std::string>& texts,
                   std::int64_t timestampNs = 1) {
    log.append(asBodies(texts), timestampNs);
}

inline std::vector<std::string> textsOf(const std::vector<ReadMessage>& messages) {
    std::vector<std::string> texts;
    for (const ReadMessage& message : messages) texts.push_back(message.body);
    return texts;
}

}  // namespace nsq::test
