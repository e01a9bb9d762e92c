#include "protocol/v2/protocol_error.h"

namespace nsq::v2 {

std::string ProtocolError::text() const {
    std::string text{code};
    text += ' ';
    text += description;
    return text;
}

ProtocolError badState(std::string_view command) {
    return {code::kInvalid, "cannot " + std::string{command} + " in current state"};
}

ProtocolError badBodySize(std::string_view command, std::int64_t size, std::int64_t max) {
    const std::string text{command};
    if (size <= 0) return {code::kBadBody, text + " invalid body size " + std::to_string(size)};
    return {code::kBadBody, text + " body too big " + std::to_string(size) + " > " + std::to_string(max)};
}

}  // namespace nsq::v2
