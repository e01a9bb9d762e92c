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

}  // namespace nsq::v2
