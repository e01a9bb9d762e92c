#include "options/runtime_options.h"

#include <Poco/JSON/Parser.h>

#include <optional>
#include <utility>

#include "options/assign.h"
#include "options/option_table.h"

namespace nsq::options {

using sdk::Error;
using sdk::ErrorCode;
using sdk::Result;

namespace {

/// Most elements of an array (chosen): each lookupd has two threads.
constexpr std::size_t kMostElements = 64;

const Error kInvalidOption{ErrorCode::kInvalid, "INVALID_OPTION"};
const Error kInvalidValue{ErrorCode::kInvalid, "INVALID_VALUE"};

/// nullopt: the text is no JSON array of texts.
std::optional<std::vector<std::string>> parseTexts(std::string_view text) {
    try {
        const auto parsed = Poco::JSON::Parser{}.parse(std::string{text});
        std::vector<std::string> texts;
        for (const Poco::Dynamic::Var& element : *parsed.extract<Poco::JSON::Array::Ptr>()) {
            texts.push_back(element.extract<std::string>());
        }
        return texts;
    } catch (const Poco::Exception&) {
        return std::nullopt;
    }
}

Result<void> assignElements(Options& options, const OptionSpec& spec, std::string_view value) {
    const auto elements = parseTexts(value);
    if (!elements || elements->size() > kMostElements) return kInvalidValue;
    clear(options, spec);
    for (const std::string& element : *elements) {
        if (auto done = assign(options, spec, element); !done) return done;
    }
    return {};
}

}  // namespace

RuntimeOptions::RuntimeOptions(Options options, std::function<void(const Options&)> onChange)
    : program_(options.program), options_(std::move(options)), onChange_(std::move(onChange)) {}

Result<Poco::Dynamic::Var> RuntimeOptions::get(std::string_view key) const {
    const OptionSpec* spec = findKey(program_, key);
    if (spec == nullptr || spec->isSecret) return kInvalidOption;
    const std::lock_guard lock{mutex_};
    return configValue(options_, *spec);
}

Result<void> RuntimeOptions::set(std::string_view key, std::string_view value) {
    const OptionSpec* spec = findKey(program_, key);
    if (spec == nullptr || !spec->runtime) return kInvalidOption;
    const std::lock_guard lock{mutex_};
    Options changed = options_;
    const auto done =
        isRepeatable(*spec) ? assignElements(changed, *spec, value) : assign(changed, *spec, value);
    if (!done) return kInvalidValue;
    onChange_(changed);  // what cannot be done, and throws, is not shown as if it were
    options_ = std::move(changed);
    return {};
}

}  // namespace nsq::options
