#include "nsq/sdk/message.h"

namespace nsq::sdk {

namespace {

constexpr char kHexDigits[] = "0123456789abcdef";

/// The value of a hex digit, or -1.
constexpr int digitValue(char digit) {
    if (digit >= '0' && digit <= '9') return digit - '0';
    if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
    return -1;
}

}  // namespace

std::array<char, MessageId::kTextLength> MessageId::text() const {
    std::array<char, kTextLength> digits;
    std::uint64_t rest = value;
    for (std::size_t i = kTextLength; i-- > 0; rest >>= 4) digits[i] = kHexDigits[rest & 15];
    return digits;
}

std::optional<MessageId> MessageId::parse(std::string_view text) {
    if (text.size() != kTextLength) return std::nullopt;
    std::uint64_t value = 0;
    for (const char digit : text) {
        const int part = digitValue(digit);
        if (part < 0) return std::nullopt;
        value = value << 4 | static_cast<std::uint64_t>(part);
    }
    return MessageId{value};
}

MessageView nextMessage(Bytes& frames) {
    const auto size = static_cast<std::size_t>(loadBig<std::int32_t>(frames.data())) + frame::kSizeBytes;
    const Bytes whole = frames.first(size);
    frames = frames.subspan(size);
    return {loadBig<std::int64_t>(whole.data() + frame::kTimestampOffset),
            loadBig<std::uint16_t>(whole.data() + frame::kAttemptsOffset),
            *MessageId::parse(asText(whole.subspan(frame::kIdOffset, MessageId::kTextLength))),
            whole.subspan(frame::kBodyOffset), whole};
}

}  // namespace nsq::sdk
