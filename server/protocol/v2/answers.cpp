#include "protocol/v2/answers.h"

#include <cstring>
#include <utility>

#include "nsq/sdk/message.h"

namespace nsq::v2 {

using namespace sdk::frame;

namespace {

constexpr std::size_t kFrameHeaderSize = 8;  ///< int32 size, int32 type
constexpr std::string_view kOkFrame{"\0\0\0\6\0\0\0\0OK", 10};

void fillFrame(std::byte* to, std::int32_t type, std::string_view text) {
    sdk::storeBig(to, static_cast<std::int32_t>(text.size() + kFrameHeaderSize - kSizeBytes));
    sdk::storeBig(to + kSizeBytes, type);
    std::memcpy(to + kFrameHeaderSize, text.data(), text.size());
}

}  // namespace

void Answers::respond(std::string_view text) {
    write(kTypeResponse, text);
}

void Answers::refuse(std::string_view text) {
    write(kTypeError, text);
}

void Answers::write(std::int32_t type, std::string_view text) {
    const std::size_t size = kFrameHeaderSize + text.size();
    if (owed_ == 0) return fillFrame(connection_.output().extend(size), type, text);
    held_.resize(held_.size() + size);
    fillFrame(reinterpret_cast<std::byte*>(held_.data() + held_.size() - size), type, text);
}

void Answers::pay(std::size_t count) {
    if (count == 0) return;
    sdk::Output& output = connection_.output();
    std::byte* to = output.extend(count * kOkFrame.size());
    for (std::size_t i = 0; i < count; ++i)
        std::memcpy(to + i * kOkFrame.size(), kOkFrame.data(), kOkFrame.size());
    owed_ -= count;
    if (owed_ == 0 && !held_.empty()) output.write(sdk::asBytes(std::exchange(held_, {})));
}

void Answers::payWithError(std::string_view text) {
    owed_ = 0;
    held_.clear();
    refuse(text);
}

void Answers::heartbeat() {
    constexpr std::string_view kHeartbeat = "_heartbeat_";
    fillFrame(connection_.output().extend(kFrameHeaderSize + kHeartbeat.size()), kTypeResponse, kHeartbeat);
}

}  // namespace nsq::v2
