#include "auth/pattern_pool.h"

#include <algorithm>

namespace nsq::auth {

namespace {

/// The most memory one pattern may take (chosen, bytes): an eighth of what RE2 itself allows.
constexpr std::int64_t kMaxMemory = 1 << 20;

Pattern compile(const std::string& text) {
    re2::RE2::Options options;
    options.set_log_errors(false);  // it would write to standard error
    options.set_max_mem(kMaxMemory);
    auto pattern = std::make_shared<const re2::RE2>(text, options);
    return pattern->ok() ? pattern : nullptr;
}

}  // namespace

Pattern PatternPool::get(const std::string& pattern) {
    {
        const std::lock_guard lock(mutex_);
        const auto found = patterns_.find(pattern);
        if (found != patterns_.end()) {
            if (Pattern shared = found->second.lock()) return shared;
        }
    }
    // Without the lock: it may take milliseconds.
    Pattern compiled = compile(pattern);
    if (!compiled) return nullptr;
    const std::lock_guard lock(mutex_);
    sweep();
    patterns_[pattern] = compiled;
    return compiled;
}

void PatternPool::sweep() {
    if (patterns_.size() < sweepAt_) return;
    std::erase_if(patterns_, [](const auto& entry) { return entry.second.expired(); });
    sweepAt_ = std::max(sweepAt_, 2 * patterns_.size());
}

std::size_t PatternPool::size() const {
    const std::lock_guard lock(mutex_);
    return patterns_.size();
}

}  // namespace nsq::auth
