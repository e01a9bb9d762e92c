#pragma once

#include <bit>
#include <cstdint>
#include <vector>

#include "nsq/sdk/message.h"
#include "storage/batch.h"

namespace nsq::broker {

/// When the message of a frame was published, nanoseconds of the Unix epoch.
inline std::int64_t publishTime(const std::byte* frame) {
    return sdk::loadBig<std::int64_t>(frame + sdk::frame::kTimestampOffset);
}

/// When consecutive messages were published. Most often they came together: then it is one number.
class PublishTimes {
public:
    PublishTimes() = default;

    /// Of `count` messages, one or more, whose frames begin at `frame`.
    PublishTimes(const std::byte* frame, std::uint32_t count) : first_(publishTime(frame)) {
        for (std::uint32_t i = 1; i < count; ++i) {
            const std::size_t size = storage::frameSize(frame);
            // Where one frame ends is known from the one before: if they are alike, the next ones come early.
            __builtin_prefetch(
                std::bit_cast<const void*>(std::bit_cast<std::uintptr_t>(frame) + kAhead * size));
            frame += size;
            const std::int64_t time = publishTime(frame);
            if (each_.empty()) {
                if (time == first_) continue;
                each_.assign(count, first_);
            }
            each_[i] = time;
        }
    }

    std::int64_t operator[](std::uint64_t position) const { return each_.empty() ? first_ : each_[position]; }

private:
    static constexpr std::size_t kAhead = 8;  ///< frames (chosen: measured with nsq_micro)

    std::int64_t first_ = 0;
    std::vector<std::int64_t> each_;  ///< empty: all are the first one's
};

}  // namespace nsq::broker
