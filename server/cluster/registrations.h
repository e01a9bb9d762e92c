#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "broker/known_topic.h"

namespace nsq::cluster {

/// Something a lookupd is to be told.
struct RegistrationChange {
    std::string_view verb() const { return isThere ? "REGISTER" : "UNREGISTER"; }

    bool isThere;
    std::string topic;
    std::string channel;  ///< empty: the topic itself

    bool operator==(const RegistrationChange&) const = default;
};

/// What a lookupd was told of topics and channels, and what it has still to be told. THREAD: one.
class Registrations {
public:
    /// What has changed since the last call, given what there is now of the topic; nullopt: there is none. A
    /// topic or channel that was deleted and made anew is taken back first: others may have deleted it at the
    /// lookupd. A topic with channels is not registered by itself, as by nsqd: its channels do.
    std::vector<RegistrationChange> update(const std::string& topic,
                                           const std::optional<broker::KnownTopic>& now);

private:
    struct Told {
        broker::Identity identity;
        std::map<std::string, broker::Identity, std::less<>> channels;
    };

    static void withdraw(const std::string& topic, const Told& told,
                         std::vector<RegistrationChange>& changes);

    std::map<std::string, Told, std::less<>> told_;
};

}  // namespace nsq::cluster
