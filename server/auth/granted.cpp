#include "auth/granted.h"

#include <algorithm>
#include <set>

namespace nsq::auth {

namespace {

/// The most one client's patterns may be (chosen): different ones, and instructions they compile to. Beyond
/// that they would cost memory by the megabyte for each client.
constexpr std::size_t kMaxPatterns = 10'000;
constexpr std::int64_t kMaxProgram = 1'000'000;

/// The most patterns of all rules together (chosen), each as often as it is there: what is refused was
/// compared with all of them, on an event loop.
constexpr std::size_t kMaxUses = 2 * kMaxPatterns;

constexpr std::string_view kTooMany = "its patterns are too many or too large";

bool matches(const Pattern& pattern, std::string_view name) {
    return pattern->Match({name.data(), name.size()}, 0, name.size(), re2::RE2::UNANCHORED, nullptr, 0);
}

/// Gets patterns for one answer, within the limits.
class Compiler {
public:
    explicit Compiler(PatternPool& pool) : pool_(pool) {}

    /// Null, and an error, when it is not to be had.
    Pattern get(const std::string& text) {
        Pattern pattern = pool_.get(text);
        if (!pattern) {
            error_ = "a pattern does not compile";
        } else if (seen_.insert(pattern).second) {
            program_ += pattern->ProgramSize();
            if (seen_.size() > kMaxPatterns || program_ > kMaxProgram) error_ = kTooMany;
        }
        return error_.empty() ? pattern : nullptr;
    }

    const std::string& error() const { return error_; }

private:
    PatternPool& pool_;
    std::set<Pattern> seen_;
    std::int64_t program_ = 0;
    std::string error_;
};

}  // namespace

sdk::Result<sdk::AuthorizationPtr> Granted::make(const Answer& answer, PatternPool& pool) {
    const auto granted = std::make_shared<Granted>();
    Compiler compiler{pool};
    std::size_t uses = 0;
    for (const Grant& grant : answer.grants) {
        Rule rule{compiler.get(grant.topic), {}, grant.subscribe, grant.publish};
        for (const std::string& channel : grant.channels) {
            if (!compiler.error().empty()) break;
            rule.channels.push_back(compiler.get(channel));
        }
        if (!compiler.error().empty()) return sdk::Error{sdk::ErrorCode::kAuthFailed, compiler.error()};
        std::ranges::sort(rule.channels);
        const auto repeated = std::ranges::unique(rule.channels);
        rule.channels.erase(repeated.begin(), repeated.end());
        uses += 1 + rule.channels.size();
        if (uses > kMaxUses) return sdk::Error{sdk::ErrorCode::kAuthFailed, std::string{kTooMany}};
        granted->rules_.push_back(std::move(rule));
    }
    granted->identity_ = answer.identity;
    granted->identityUrl_ = answer.identityUrl;
    granted->expiry_ = sdk::Clock::now() + answer.ttl;
    return sdk::AuthorizationPtr{granted};
}

bool Granted::allows(sdk::Permission permission, std::string_view topic, std::string_view channel) const {
    return std::ranges::any_of(rules_, [&](const Rule& rule) {
        const bool has = permission == sdk::Permission::kPublish ? rule.publish : rule.subscribe;
        return has && matches(rule.topic, topic) &&
               std::ranges::any_of(rule.channels,
                                   [&](const Pattern& pattern) { return matches(pattern, channel); });
    });
}

}  // namespace nsq::auth
