#pragma once

#include <memory>
#include <string>
#include <vector>

namespace nsq::broker {

/// Tells a topic or channel from a later one of the same name; keeps neither.
using Identity = std::weak_ptr<const void>;

inline bool isSame(const Identity& left, const Identity& right) {
    return !left.owner_before(right) && !right.owner_before(left);
}

/// What a topic has at a moment.
struct KnownTopic {
    struct KnownChannel {
        std::string name;
        Identity identity;
    };

    Identity identity;
    std::vector<KnownChannel> channels;  ///< sorted by name
};

}  // namespace nsq::broker
