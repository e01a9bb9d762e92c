#pragma once

#include <cstddef>
#include <cstdint>

#include "nsq/sdk/bytes.h"

namespace nsq::v2 {

/// A body with its int32 size before it, as far as it has come.
struct SizedBody {
    enum class State { kIncomplete, kComplete, kBad };

    State state;
    std::size_t bytes = 0;  ///< of both, as far as is known; not for kBad
    std::int64_t size = 0;  ///< as announced; not for kIncomplete
    sdk::Bytes body{};      ///< kComplete: the body
};

/// `data` begins with the size. It is bad when it is not in 1..maxSize.
inline SizedBody readSizedBody(sdk::Bytes data, std::int64_t maxSize) {
    using State = SizedBody::State;
    constexpr std::size_t kSizeBytes = 4;
    if (data.size() < kSizeBytes) return {.state = State::kIncomplete, .bytes = kSizeBytes};
    const std::int64_t size = sdk::loadBig<std::int32_t>(data.data());
    if (size <= 0 || size > maxSize) return {.state = State::kBad, .size = size};
    const std::size_t bytes = kSizeBytes + static_cast<std::size_t>(size);
    if (data.size() < bytes) return {.state = State::kIncomplete, .bytes = bytes};
    return {State::kComplete, bytes, size, data.subspan(kSizeBytes, static_cast<std::size_t>(size))};
}

}  // namespace nsq::v2
