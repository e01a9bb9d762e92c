#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "net/codec.h"

namespace nsq::net {

/// Snappy's framing format, as Go's snappy.Reader and snappy.Writer speak it.
///
/// MEMORY: about 140 KiB, allocated when it is made: one chunk as it comes, and one decoded. A chunk that
/// declares more than may be in it is refused before any of it is kept; what may be skipped is not kept at
/// all.
class SnappyCodec : public Codec {
public:
    SnappyCodec();

    Step decode(sdk::Bytes wire, std::span<std::byte> plain) override;
    void encode(sdk::Bytes plain, std::vector<std::byte>& wire) override;

private:
    /// Takes what it needs of `wire`, not empty, to get on by one step. Returns how much that was.
    std::size_t take(sdk::Bytes wire);
    void beginChunk();
    void endChunk();
    sdk::Bytes checkedData(bool isCompressed, sdk::Bytes body);
    sdk::Bytes uncompressed(sdk::Bytes compressed);

    std::vector<std::byte> chunk_;  ///< the chunk that is coming: its header, then its body
    std::size_t have_ = 0;          ///< how much of it is here
    std::size_t need_;              ///< how much of it must be here to get on: the header, then all
    std::size_t skip_ = 0;          ///< how much is left of a chunk that is not looked at
    bool identified_ = false;       ///< the stream identifier was here
    std::vector<std::byte> decoded_;
    sdk::Bytes undelivered_;  ///< of chunk_ or decoded_: what is still to be given out
    bool identifierWritten_ = false;
};

}  // namespace nsq::net
