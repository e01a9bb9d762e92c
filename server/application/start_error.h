#pragma once

#include <stdexcept>
#include <type_traits>
#include <utility>

#include "nsq/sdk/result.h"

namespace nsq::app {

/// What the process ends with; --help lists them.
enum class ExitStatus : int {
    kStopped = 0,       ///< as asked
    kFailed = 1,        ///< at run time, or a plugin was refused
    kBadOption = 2,     ///< option or configuration file
    kCannotListen = 3,  ///< an address is in use or is not one of this machine
    kDataPath = 4,      ///< the data directory cannot be used
};

/// Why the server does not start, in one line.
class StartError : public std::runtime_error {
public:
    StartError(ExitStatus status, const std::string& text) : std::runtime_error(text), status_(status) {}

    ExitStatus status() const { return status_; }

private:
    ExitStatus status_;
};

/// The value, or the error thrown as a StartError.
template <typename T>
T orThrow(sdk::Result<T> result, ExitStatus status) {
    if (!result) throw StartError(status, result.error().text);
    if constexpr (!std::is_void_v<T>) return std::move(result).value();
}

}  // namespace nsq::app
