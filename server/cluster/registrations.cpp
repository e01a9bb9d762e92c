#include "cluster/registrations.h"

#include <algorithm>

namespace nsq::cluster {

using broker::KnownTopic;

void Registrations::withdraw(const std::string& topic, const Told& told,
                             std::vector<RegistrationChange>& changes) {
    for (const auto& [channel, identity] : told.channels) changes.push_back({false, topic, channel});
    changes.push_back({false, topic, {}});
}

std::vector<RegistrationChange> Registrations::update(const std::string& topic,
                                                      const std::optional<KnownTopic>& now) {
    std::vector<RegistrationChange> changes;
    auto found = told_.find(topic);
    if (found != told_.end() && (!now || !broker::isSame(found->second.identity, now->identity))) {
        withdraw(topic, found->second, changes);
        told_.erase(found);
        found = told_.end();
    }
    if (!now) return changes;
    if (found == told_.end()) {
        found = told_.emplace(topic, Told{now->identity, {}}).first;
        if (now->channels.empty()) changes.push_back({true, topic, {}});
    }
    auto& channels = found->second.channels;
    std::erase_if(channels, [&](const auto& told) {
        const auto there =
            std::ranges::lower_bound(now->channels, told.first, {}, &KnownTopic::KnownChannel::name);
        const bool isGone = there == now->channels.end() || there->name != told.first ||
                            !broker::isSame(there->identity, told.second);
        if (isGone) changes.push_back({false, topic, told.first});
        return isGone;
    });
    for (const KnownTopic::KnownChannel& channel : now->channels) {
        if (channels.emplace(channel.name, channel.identity).second)
            changes.push_back({true, topic, channel.name});
    }
    return changes;
}

}  // namespace nsq::cluster
