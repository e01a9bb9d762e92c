#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "nsq/sdk/bytes.h"
#include "protocol/v2/protocol_error.h"

namespace nsq::v2 {

/// Checks what follows an MPUB line as far as it has come, never twice: int32 body size, int32 count, and the
/// messages with their sizes. Like nsqd it goes by the messages' own sizes; the body size must only be in
/// range.
class MpubReader {
public:
    enum class State { kIncomplete, kComplete, kInvalid };

    /// Sizes in bytes.
    MpubReader(std::int64_t maxMsgSize, std::int64_t maxBodySize)
        : maxMsgSize_(maxMsgSize), maxBodySize_(maxBodySize) {}

    /// `data` is everything after the line, from its first byte in each call.
    State read(sdk::Bytes data);

    /// kIncomplete: nothing new can be said before there are this many bytes. kComplete: the bytes of it all.
    std::size_t size() const { return next_; }

    /// kComplete: the messages, which lie in `data`.
    void bodies(sdk::Bytes data, std::vector<sdk::Bytes>& bodies) const;

    /// kInvalid: what is wrong.
    const ProtocolError& error() const { return error_; }

    /// Begins another MPUB.
    void reset() { *this = MpubReader{maxMsgSize_, maxBodySize_}; }

private:
    static constexpr std::size_t kIntSize = 4;
    static constexpr std::size_t kHeaderSize = 2 * kIntSize;

    enum class Step { kBodySize, kCount, kMessageSize, kMessageBody, kEnd };

    bool checkBodySize(std::int64_t size);
    bool checkCount(std::int64_t count);
    bool checkMessageSize(std::int64_t size);
    void endMessage();
    bool fail(std::string_view code, std::string description);

    std::int64_t maxMsgSize_;
    std::int64_t maxBodySize_;
    Step step_ = Step::kBodySize;
    std::size_t next_ = kIntSize;  ///< where the current step's bytes end
    std::int64_t count_ = 0;       ///< messages announced
    std::int64_t index_ = 0;       ///< of the current message
    ProtocolError error_;
};

}  // namespace nsq::v2
