// The codecs of a connection: any bytes decoded, and any bytes there and back, cut at any places.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fuzz/input.h"
#include "net/deflate_codec.h"
#include "net/snappy_codec.h"

namespace {

using namespace nsq;
using Codecs = std::unique_ptr<net::Codec>;

/// Bombs are not followed further.
constexpr std::size_t kMaxPlain = 1 << 20;

/// How the bytes come, and how much room there is for them.
struct Cut {
    std::size_t piece;
    std::size_t room;
};

Codecs makeCodec(unsigned kind) {
    if (kind == 0) return std::make_unique<net::SnappyCodec>();
    return std::make_unique<net::DeflateCodec>(static_cast<int>(kind));
}

/// Nothing when the codec refuses it.
std::optional<std::string> decoded(net::Codec& codec, sdk::Bytes wire, Cut cut) {
    std::string plain;
    std::vector<std::byte> room(cut.room);
    std::size_t done = 0;
    std::size_t come = 0;
    try {
        while (come < wire.size() && plain.size() < kMaxPlain) {
            come += std::min(cut.piece, wire.size() - come);
            net::Codec::Step step{1, 0};
            while ((step.consumed > 0 || step.produced > 0) && plain.size() < kMaxPlain) {
                step = codec.decode(wire.subspan(done, come - done), room);
                fuzz::check(step.consumed <= come - done, "consumes what it was given");
                fuzz::check(step.produced <= room.size(), "fills the room it was given");
                plain += sdk::asText(sdk::Bytes{room}.first(step.produced));
                done += step.consumed;
            }
        }
    } catch (const net::CodecError&) {
        return std::nullopt;
    }
    return plain;
}

/// However it is cut, the same comes out.
void decodeAny(unsigned kind, sdk::Bytes wire, Cut cut) {
    const auto inPieces = decoded(*makeCodec(kind), wire, cut);
    const auto atOnce = decoded(*makeCodec(kind), wire, {wire.size() + 1, 65536});
    const bool isBomb =
        (inPieces && inPieces->size() >= kMaxPlain) || (atOnce && atOnce->size() >= kMaxPlain);
    fuzz::check(isBomb || inPieces == atOnce, "cut or not, the same is decoded");
}

void thereAndBack(unsigned kind, sdk::Bytes plain, Cut cut) {
    const Codecs sender = makeCodec(kind);
    const Codecs receiver = makeCodec(kind);
    std::vector<std::byte> wire;
    for (std::size_t at = 0; at < plain.size(); at += cut.piece) {
        const sdk::Bytes part = plain.subspan(at, std::min(cut.piece, plain.size() - at));
        wire.clear();
        sender->encode(part, wire);
        fuzz::check(decoded(*receiver, wire, cut) == sdk::asText(part),
                    "what was encoded comes back, at once");
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input{data, size};
    const std::uint8_t what = input.byte();
    const unsigned kind = what % 10;  // snappy, or deflate of that level
    const Cut cut{input.byte() + std::size_t{1}, input.number() + std::size_t{1}};
    if (what < 128) {
        decodeAny(kind, input.rest(), cut);
    } else {
        thereAndBack(kind, input.rest(), cut);
    }
    return 0;
}
