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

/// Reads `count` messages at `cursor`, in runs of at most `most` messages.
inline std::vector<ReadMessage> readAll(storage::LogStore& store, storage::LogCursor& cursor,
                                        std::uint64_t count, std::uint64_t most = UINT64_MAX) {
    std::vector<ReadMessage> messages;
    while (messages.size() < count) {
        const auto read = storage::readRun(
            store, cursor, {.messages = std::min<std::uint64_t>(most, count - messages.size())});
        REQUIRE(read);
        const storage::LogRun& run = read.value();
        REQUIRE(run.count > 0);
        std::uint64_t seq = run.firstSeq;
        for (ReadMessage& message : decode(run.frames())) {
            REQUIRE(message.seq() == seq++);
            messages.push_back(std::move(message));
        }
    }
    return messages;
}

inline storage::MemoryAccount newAccount() {
    return std::make_shared<std::atomic<std::int64_t>>(0);
}

/// Appends texts as one publish.
inline void append(storage::TopicLog& log, const std::vector<std::string>& texts,
                   std::int64_t timestampNs = 1) {
    std::vector<sdk::Bytes> bodies;
    for (const std::string& text : texts) bodies.push_back(sdk::asBytes(text));
    log.append(bodies, timestampNs);
}

}  // namespace nsq::test
