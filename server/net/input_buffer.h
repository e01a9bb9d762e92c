#pragma once

#include <cstddef>
#include <vector>

#include "nsq/sdk/bytes.h"

namespace nsq::net {

/// Bytes a session has not used up yet. Takes no more memory than they need, but for a few hundred bytes that
/// spare a busy connection an allocation in every turn.
class InputBuffer {
public:
    sdk::Bytes bytes() const { return sdk::Bytes{bytes_}.subspan(begin_); }
    std::size_t size() const { return bytes_.size() - begin_; }
    bool empty() const { return size() == 0; }

    /// Replaces everything by a copy of `bytes`, which must not lie in here.
    void assign(sdk::Bytes bytes);

    /// Appends a copy of `bytes`. Grows in steps, but not above `most` bytes unless they are needed.
    void append(sdk::Bytes bytes, std::size_t most);

    /// Forgets the first `count` bytes. Bytes of an earlier bytes() are no longer valid.
    void consume(std::size_t count);

    void clear();

private:
    std::vector<std::byte> bytes_;
    std::size_t begin_ = 0;
};

}  // namespace nsq::net
