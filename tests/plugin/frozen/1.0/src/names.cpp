#include "nsq/sdk/names.h"

#include <algorithm>

namespace nsq::sdk {

bool isValidTopicName(std::string_view name) {
    if (name.empty() || name.size() > kMaxNameLength) return false;
    if (isEphemeral(name)) name.remove_suffix(kEphemeralSuffix.size());
    return !name.empty() && std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
               c == '_' || c == '-';
    });
}

bool isValidChannelName(std::string_view name) {
    return isValidTopicName(name);
}

}  // namespace nsq::sdk
