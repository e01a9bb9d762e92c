#pragma once

#include <map>
#include <mutex>
#include <string>

#include "nsq/sdk/result.h"

namespace nsq::broker {

/// Which topics the disk refuses something at the moment. THREAD: any.
class DiskHealth {
public:
    void failed(const std::string& topic, const sdk::Error& error) {
        const std::lock_guard lock{mutex_};
        failures_.insert_or_assign(topic, error);
    }

    void recovered(const std::string& topic) {
        const std::lock_guard lock{mutex_};
        failures_.erase(topic);
    }

    /// One of the failures, if there are any.
    sdk::Result<void> state() const {
        const std::lock_guard lock{mutex_};
        return failures_.empty() ? sdk::Result<void>{} : failures_.begin()->second;
    }

private:
    mutable std::mutex mutex_;
    std::map<std::string, sdk::Error> failures_;
};

}  // namespace nsq::broker
