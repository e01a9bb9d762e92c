#include "mpub_body.h"

#include <algorithm>
#include <cstring>
#include <optional>

namespace nsq::http_api {

using sdk::Bytes;
using sdk::Error;
using sdk::ErrorCode;

namespace {

constexpr std::size_t kIntSize = sizeof(std::int32_t);

/// The smallest message of a binary body: its size and one byte.
constexpr std::int64_t kMinEntry = 5;

std::optional<std::int32_t> takeInt(Bytes& from) {
    if (from.size() < kIntSize) return std::nullopt;
    const auto value = sdk::loadBig<std::int32_t>(from.data());
    from = from.subspan(kIntSize);
    return value;
}

}  // namespace

Messages splitLines(Bytes body, std::int64_t maxMsgSize) {
    std::vector<Bytes> messages;
    while (!body.empty()) {
        const void* feed = std::memchr(body.data(), '\n', body.size());
        const std::size_t length =
            feed == nullptr ? body.size()
                            : static_cast<std::size_t>(static_cast<const std::byte*>(feed) - body.data());
        if (length > static_cast<std::size_t>(maxMsgSize)) return Error{ErrorCode::kInvalid, "MSG_TOO_BIG"};
        if (length > 0) messages.push_back(body.first(length));
        body = body.subspan(std::min(length + 1, body.size()));
    }
    return messages;
}

Messages splitBinary(Bytes body, std::int64_t maxMsgSize, std::int64_t maxBodySize) {
    const std::optional<std::int32_t> count = takeInt(body);
    if (!count || *count <= 0 || *count > (maxBodySize - static_cast<std::int64_t>(kIntSize)) / kMinEntry) {
        return Error{ErrorCode::kInvalid, "BAD_BODY"};
    }
    std::vector<Bytes> messages;
    // The body is here already, so its size bounds what a false count can reserve.
    messages.reserve(std::min<std::size_t>(static_cast<std::size_t>(*count), body.size() / kMinEntry));
    for (std::int32_t i = 0; i < *count; ++i) {
        const std::optional<std::int32_t> size = takeInt(body);
        if (!size || *size <= 0 || *size > maxMsgSize || static_cast<std::size_t>(*size) > body.size()) {
            return Error{ErrorCode::kInvalid, "BAD_MESSAGE"};
        }
        messages.push_back(body.first(static_cast<std::size_t>(*size)));
        body = body.subspan(static_cast<std::size_t>(*size));
    }
    return messages;
}

}  // namespace nsq::http_api
