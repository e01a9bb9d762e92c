#pragma once

#include <Poco/Dynamic/Var.h>

#include <functional>
#include <mutex>
#include <string_view>

#include "nsq/sdk/result.h"
#include "options/options.h"

namespace nsq::options {

/// The options of a running server, as GET and PUT /config see them. THREAD: any.
class RuntimeOptions {
public:
    /// `onChange` gets the options before a change is shown, under the lock: changes arrive in order. If it
    /// throws, so does set(), and nothing has changed.
    RuntimeOptions(Options options, std::function<void(const Options&)> onChange);

    /// The value of the option with this key: see sdk::Host::option.
    sdk::Result<Poco::Dynamic::Var> get(std::string_view key) const;

    /// See sdk::Host::setOption. What may be given many times is set to the texts, 64 at most, of a JSON
    /// array.
    sdk::Result<void> set(std::string_view key, std::string_view value);

private:
    const Program program_;
    mutable std::mutex mutex_;
    Options options_;
    std::function<void(const Options&)> onChange_;
};

}  // namespace nsq::options
