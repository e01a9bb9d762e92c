#pragma once

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "checksum/crc32c.h"
#include "nsq/sdk/message.h"
#include "storage/batch.h"

namespace nsq::test {

using ByteVector = std::vector<std::byte>;

/// What makeBatch makes a batch of.
struct BatchOf {
    std::uint32_t salt = 0;
    std::uint64_t firstSeq = 1;
    std::uint64_t firstIndex = 0;
    std::uint32_t magic = storage::disk::kFreshBatch;
    std::int64_t dueNs = 0;
};

inline ByteVector makeFrame(std::uint64_t id, std::string_view body) {
    namespace frame = sdk::frame;
    ByteVector bytes(frame::kBodyOffset + body.size());
    sdk::storeBig(bytes.data(), static_cast<std::int32_t>(bytes.size() - frame::kSizeBytes));
    sdk::storeBig(bytes.data() + frame::kSizeBytes, frame::kTypeMessage);
    sdk::storeBig(bytes.data() + frame::kAttemptsOffset, std::uint16_t{1});
    const auto text = sdk::MessageId{id}.text();
    std::memcpy(bytes.data() + frame::kIdOffset, text.data(), text.size());
    std::memcpy(bytes.data() + frame::kBodyOffset, body.data(), body.size());
    return bytes;
}

/// A sealed batch around `frames`, whatever they are.
inline ByteVector sealBatch(const BatchOf& of, sdk::Bytes frames, std::uint32_t count) {
    storage::disk::BatchHeader header{};
    header.magic = of.magic;
    header.framesCrc = crc32c(frames);
    header.bytes = static_cast<std::uint32_t>(frames.size());
    header.count = count;
    header.firstSeq = of.firstSeq;
    header.firstIndex = of.firstIndex;
    header.dueNs = of.dueNs;
    storage::sealHeader(header, of.salt);
    ByteVector bytes(sizeof header + frames.size());
    std::memcpy(bytes.data(), &header, sizeof header);
    std::ranges::copy(frames, bytes.begin() + sizeof header);
    return bytes;
}

inline ByteVector makeBatch(const BatchOf& of, const std::vector<std::string>& bodies) {
    ByteVector frames;
    std::uint64_t id = of.firstSeq;
    for (const std::string& body : bodies) {
        const ByteVector frame = makeFrame(id++, body);
        frames.insert(frames.end(), frame.begin(), frame.end());
    }
    return sealBatch(of, frames, static_cast<std::uint32_t>(bodies.size()));
}

inline void flip(ByteVector& bytes, std::size_t at, std::byte mask = std::byte{0x10}) {
    bytes.at(at) ^= mask;
}

}  // namespace nsq::test
