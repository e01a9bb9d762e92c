#include "net/input_buffer.h"

#include <algorithm>

namespace nsq::net {

namespace {

/// An empty buffer keeps this much memory at most (chosen, bytes): the rest of a small command.
constexpr std::size_t kKeptCapacity = 512;

}  // namespace

void InputBuffer::assign(sdk::Bytes bytes) {
    clear();
    bytes_.assign(bytes.begin(), bytes.end());
}

void InputBuffer::append(sdk::Bytes bytes, std::size_t most) {
    if (bytes_.size() + bytes.size() > bytes_.capacity()) {
        const std::size_t needed = size() + bytes.size();
        std::vector<std::byte> grown;
        grown.reserve(std::max(needed, std::min(2 * needed, most)));
        grown.assign(bytes_.begin() + static_cast<std::ptrdiff_t>(begin_), bytes_.end());
        bytes_.swap(grown);
        begin_ = 0;
    }
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
}

void InputBuffer::consume(std::size_t count) {
    begin_ += count;
    if (empty()) return clear();
    // Give memory back when most of it lies before the first byte; each byte moves once at most on average.
    if (begin_ > kKeptCapacity && begin_ > bytes_.size() / 2) {
        bytes_ = std::vector<std::byte>(bytes_.begin() + static_cast<std::ptrdiff_t>(begin_), bytes_.end());
        begin_ = 0;
    }
}

void InputBuffer::clear() {
    begin_ = 0;
    bytes_.clear();
    if (bytes_.capacity() > kKeptCapacity) bytes_ = {};
}

}  // namespace nsq::net
