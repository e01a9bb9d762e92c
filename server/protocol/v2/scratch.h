#pragma once

#include <vector>

namespace nsq::v2 {

/// Empties a vector that is kept for its memory, and gives that back when it is much: most connections are
/// idle.
template <typename T>
void emptyScratch(std::vector<T>& scratch) {
    constexpr std::size_t kMaxKept = 2048;  // bytes (chosen)
    scratch.clear();
    if (scratch.capacity() * sizeof(T) > kMaxKept) scratch = {};
}

}  // namespace nsq::v2
