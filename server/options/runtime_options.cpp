#include "options/runtime_options.h"

#include <utility>

#include "options/assign.h"
#include "options/option_table.h"

namespace nsq::options {

using sdk::Error;
using sdk::ErrorCode;
using sdk::Result;

namespace {

const Error kInvalidOption{ErrorCode::kInvalid, "INVALID_OPTION"};
const Error kInvalidValue{ErrorCode::kInvalid, "INVALID_VALUE"};

}  // namespace

RuntimeOptions::RuntimeOptions(Options options, std::function<void(const Options&)> onChange)
    : options_(std::move(options)), onChange_(std::move(onChange)) {}

Result<Poco::Dynamic::Var> RuntimeOptions::get(std::string_view key) const {
    const OptionSpec* spec = findKey(key);
    if (spec == nullptr || spec->isSecret) return kInvalidOption;
    const std::lock_guard lock{mutex_};
    return configValue(options_, *spec);
}

Result<void> RuntimeOptions::set(std::string_view key, std::string_view value) {
    const OptionSpec* spec = findKey(key);
    if (spec == nullptr || !spec->runtime) return kInvalidOption;
    const std::lock_guard lock{mutex_};
    if (!assign(options_, *spec, value)) return kInvalidValue;
    onChange_(options_);
    return {};
}

}  // namespace nsq::options
