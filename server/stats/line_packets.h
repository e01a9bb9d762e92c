#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nsq::stats {

/// Puts whole lines together into packets up to a size. A longer line gets a packet of its own.
class LinePackets {
public:
    /// `size` in bytes.
    explicit LinePackets(std::size_t size) : size_(size) {}

    /// `line` with its end.
    void add(std::string_view line) {
        if (packets_.empty() || packets_.back().size() + line.size() > size_) packets_.emplace_back();
        packets_.back() += line;
    }

    /// All, in order; it begins anew.
    std::vector<std::string> take() { return std::exchange(packets_, {}); }

private:
    const std::size_t size_;
    std::vector<std::string> packets_;
};

}  // namespace nsq::stats
