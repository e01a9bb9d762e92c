#pragma once

#include <re2/re2.h>

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

namespace nsq::auth {

/// A regular expression in Go's syntax, ready to match. The time to match grows with the length of the text
/// only, whatever the pattern. THREAD: any.
using Pattern = std::shared_ptr<const re2::RE2>;

/// Compiles patterns. Clients mostly have the same ones: a pattern exists once as long as somebody has it.
/// THREAD: any.
class PatternPool {
public:
    /// Null when it does not compile, or would be larger than a pattern for names has to be.
    Pattern get(const std::string& pattern);

    /// Patterns in use, and some that no longer are.
    std::size_t size() const;

private:
    void sweep();

    mutable std::mutex mutex_;  ///< guards the rest
    std::unordered_map<std::string, std::weak_ptr<const re2::RE2>> patterns_;
    std::size_t sweepAt_ = 256;  ///< patterns (chosen)
};

}  // namespace nsq::auth
