#include "net/deflate_codec.h"

#include <algorithm>
#include <new>
#include <stdexcept>
#include <string>

namespace nsq::net {

namespace {

constexpr int kRawWindow = -15;  // 32 KiB; negative: no header and no trailer
constexpr int kMemLevel = 8;     // zlib's default
/// By how much the output grows at a time.
constexpr std::size_t kRoomStep = 4096;
/// zlib counts in 32 bits.
constexpr std::size_t kMaxCount = std::size_t{1} << 30;

/// zlib takes pointers to what it only reads without const, as its ZLIB_CONST is not set.
Bytef* input(sdk::Bytes bytes) {
    return const_cast<Bytef*>(reinterpret_cast<const Bytef*>(bytes.data()));
}

uInt count(std::size_t size) {
    return static_cast<uInt>(std::min(size, kMaxCount));
}

void checkMade(int result) {
    if (result == Z_MEM_ERROR) throw std::bad_alloc();
    if (result != Z_OK) throw std::invalid_argument("zlib: " + std::string{zError(result)});
}

}  // namespace

DeflateCodec::Inflater::Inflater() {
    checkMade(inflateInit2(&stream, kRawWindow));
}

DeflateCodec::Inflater::~Inflater() {
    inflateEnd(&stream);
}

DeflateCodec::Deflater::Deflater(int level) {
    checkMade(deflateInit2(&stream, level, Z_DEFLATED, kRawWindow, kMemLevel, Z_DEFAULT_STRATEGY));
}

DeflateCodec::Deflater::~Deflater() {
    deflateEnd(&stream);
}

DeflateCodec::DeflateCodec(int level) : deflater_{level} {
    // zlib would allocate the window with the first data: with an empty dictionary it does so now.
    const Bytef nothing{};
    checkMade(inflateSetDictionary(&inflater_.stream, &nothing, 0));
}

Codec::Step DeflateCodec::decode(sdk::Bytes wire, std::span<std::byte> plain) {
    if (ended_ && !wire.empty()) throw CodecError("deflate: bytes behind the final block");
    if (ended_ || plain.empty()) return {0, 0};
    z_stream& stream = inflater_.stream;
    const uInt given = count(wire.size());
    const uInt room = count(plain.size());
    stream.next_in = input(wire);
    stream.avail_in = given;
    stream.next_out = reinterpret_cast<Bytef*>(plain.data());
    stream.avail_out = room;
    switch (inflate(&stream, Z_SYNC_FLUSH)) {
        case Z_OK:
        case Z_BUF_ERROR:  // nothing to do
            break;
        case Z_STREAM_END:
            ended_ = true;
            break;
        case Z_MEM_ERROR:
            throw std::bad_alloc();
        default:
            // What came before is given out first; the next call ends here again.
            if (stream.avail_out < room) break;
            throw CodecError("deflate: " + std::string{stream.msg != nullptr ? stream.msg : "broken data"});
    }
    return {given - stream.avail_in, room - stream.avail_out};
}

void DeflateCodec::encode(sdk::Bytes plain, std::vector<std::byte>& wire) {
    z_stream& stream = deflater_.stream;
    while (!plain.empty()) {
        stream.next_in = input(plain);
        stream.avail_in = count(plain.size());
        plain = plain.subspan(stream.avail_in);
        do {
            const std::size_t size = wire.size();
            wire.resize(size + kRoomStep);
            stream.next_out = reinterpret_cast<Bytef*>(wire.data() + size);
            stream.avail_out = kRoomStep;
            deflate(&stream, Z_SYNC_FLUSH);
            wire.resize(wire.size() - stream.avail_out);
        } while (stream.avail_out == 0);
    }
}

}  // namespace nsq::net
