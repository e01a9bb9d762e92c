#pragma once

#include <zlib.h>

#include "net/codec.h"

namespace nsq::net {

/// Raw deflate (RFC 1951, no header), in which each encode ends with a sync flush.
///
/// MEMORY: about 310 KiB, allocated when it is made: 268 KiB to encode, 40 KiB to decode.
class DeflateCodec : public Codec {
public:
    /// `level` is 1 (fastest) to 9 (smallest).
    explicit DeflateCodec(int level);

    Step decode(sdk::Bytes wire, std::span<std::byte> plain) override;
    void encode(sdk::Bytes plain, std::vector<std::byte>& wire) override;

private:
    // zlib's state points back at its z_stream, so these stay where they are.
    struct Inflater {
        Inflater();
        ~Inflater();
        z_stream stream{};
    };
    struct Deflater {
        explicit Deflater(int level);
        ~Deflater();
        z_stream stream{};
    };

    Inflater inflater_;
    bool ended_ = false;  ///< the peer's final block was here
    Deflater deflater_;
};

}  // namespace nsq::net
