#pragma once

#include <cstddef>
#include <span>
#include <stdexcept>
#include <vector>

#include "nsq/sdk/bytes.h"

namespace nsq::net {

/// What the peer sent is not what the codec takes. The connection is closed.
class CodecError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// Compression of a connection's bytes, both ways. THREAD: one.
class Codec {
public:
    Codec() = default;
    Codec(const Codec&) = delete;
    Codec& operator=(const Codec&) = delete;
    virtual ~Codec() = default;

    struct Step {
        std::size_t consumed;  ///< of the bytes given
        std::size_t produced;  ///< of the room given
    };

    /// Decodes some of `wire` into `plain`: never more than there is room for, however well it is compressed.
    /// {0, 0} means that it takes more of `wire` (what is not consumed is given again, with more behind it).
    /// After {n, plain.size()} there may be more to come of what was consumed: it is called again.
    /// Throws CodecError.
    virtual Step decode(sdk::Bytes wire, std::span<std::byte> plain) = 0;

    /// Encodes all of `plain` and appends it to `wire`, flushed: the peer can decode all of it at once.
    virtual void encode(sdk::Bytes plain, std::vector<std::byte>& wire) = 0;
};

}  // namespace nsq::net
