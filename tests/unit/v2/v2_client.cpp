#include "v2_client.h"

#include "nsq/sdk/message.h"

namespace nsq::v2 {

namespace {

/// A message's data begins behind the frame's size and type.
constexpr std::size_t kDataBegin = 8;

std::string_view idOf(const sdk::testing::Frame& frame) {
    return std::string_view{frame.data}.substr(sdk::frame::kIdOffset - kDataBegin,
                                               sdk::MessageId::kTextLength);
}

std::string readable(const sdk::testing::Frame& frame) {
    if (frame.type == sdk::frame::kTypeResponse) return frame.data;
    if (frame.type == sdk::frame::kTypeError) return '!' + frame.data;
    if (frame.type != sdk::frame::kTypeMessage) return '?' + frame.data;
    const auto* data = reinterpret_cast<const std::byte*>(frame.data.data());
    const auto attempts = sdk::loadBig<std::uint16_t>(data + sdk::frame::kAttemptsOffset - kDataBegin);
    return '#' + std::to_string(attempts) + ' ' + frame.data.substr(sdk::frame::kBodyOffset - kDataBegin);
}

}  // namespace

std::string int32(std::int64_t value) {
    std::string bytes(4, '\0');
    sdk::storeBig(reinterpret_cast<std::byte*>(bytes.data()), static_cast<std::int32_t>(value));
    return bytes;
}

std::string sized(std::string_view body) {
    return int32(static_cast<std::int64_t>(body.size())) + std::string{body};
}

std::string identifyCommand(std::string_view json) {
    return "IDENTIFY\n" + sized(json);
}

std::string mpubBody(const std::vector<std::string>& messages) {
    std::string body = int32(static_cast<std::int64_t>(messages.size()));
    for (const std::string& message : messages) body += sized(message);
    return sized(body);
}

std::vector<std::string> readable(std::string_view output) {
    std::vector<std::string> lines;
    for (const sdk::testing::Frame& frame : sdk::testing::splitFrames(output))
        lines.push_back(readable(frame));
    return lines;
}

std::vector<std::string> messageIds(std::string_view output) {
    std::vector<std::string> ids;
    for (const sdk::testing::Frame& frame : sdk::testing::splitFrames(output)) {
        if (frame.type == sdk::frame::kTypeMessage) ids.emplace_back(idOf(frame));
    }
    return ids;
}

}  // namespace nsq::v2
