#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "nsq/sdk/bytes.h"
#include "unit/storage/temporary_directory.h"

namespace nsq::fuzz {

/// What a fuzzer was given, taken from its front. Numbers behind its end are 0.
class Input {
public:
    Input(const std::uint8_t* data, std::size_t size)
        : bytes_{reinterpret_cast<const std::byte*>(data), size} {}

    std::uint8_t byte() {
        const sdk::Bytes taken = take(1);
        return taken.empty() ? std::uint8_t{0} : std::to_integer<std::uint8_t>(taken[0]);
    }
    /// 0 to 65535.
    std::uint16_t number() { return static_cast<std::uint16_t>(byte() << 8 | byte()); }

    /// At most `size` bytes.
    sdk::Bytes take(std::size_t size) {
        const sdk::Bytes taken = bytes_.first(std::min(size, bytes_.size()));
        bytes_ = bytes_.subspan(taken.size());
        return taken;
    }
    sdk::Bytes rest() { return take(bytes_.size()); }
    bool isEmpty() const { return bytes_.empty(); }

private:
    sdk::Bytes bytes_;
};

/// Ends the run as a finding.
inline void check(bool holds, const char* what) {
    if (holds) return;
    std::fprintf(stderr, "does not hold: %s\n", what);
    std::abort();
}

/// An empty directory, the same one for all inputs.
inline const std::filesystem::path& emptyDirectory() {
    static const test::TemporaryDirectory directory;
    for (const auto& entry : std::filesystem::directory_iterator{directory.path()})
        std::filesystem::remove_all(entry.path());
    return directory.path();
}

}  // namespace nsq::fuzz
