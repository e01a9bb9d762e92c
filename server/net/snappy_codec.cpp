#include "net/snappy_codec.h"

#include <snappy.h>

#include <algorithm>
#include <string_view>

#include "checksum/crc32c.h"

namespace nsq::net {

namespace {

// https://github.com/google/snappy/blob/main/framing_format.txt
constexpr unsigned kCompressed = 0x00;
constexpr unsigned kUncompressed = 0x01;
constexpr unsigned kFirstSkippable = 0x80;
constexpr unsigned kStreamIdentifier = 0xff;

constexpr std::string_view kMagic = "sNaPpY";
constexpr std::size_t kHeaderSize = 4;    // type, and the size of the body in 3 bytes, little endian
constexpr std::size_t kChecksumSize = 4;  // the first of the body, little endian
constexpr std::size_t kMaxPlain = 65536;  // in one chunk
/// Of a chunk whose data is what snappy makes of kMaxPlain bytes at worst.
const std::size_t kMaxBody = kChecksumSize + snappy::MaxCompressedLength(kMaxPlain);

const char* chars(const std::byte* bytes) {
    return reinterpret_cast<const char*>(bytes);
}

char* chars(std::byte* bytes) {
    return reinterpret_cast<char*>(bytes);
}

/// As many bytes as `size` says, the lowest first.
void storeLittle(std::byte* to, std::size_t value, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i) to[i] = static_cast<std::byte>(value >> (8 * i));
}

std::uint32_t loadLittle(sdk::Bytes from) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < from.size(); ++i) value |= std::to_integer<std::uint32_t>(from[i]) << (8 * i);
    return value;
}

/// So that a checksum of data that has checksums in it is as good as another.
std::uint32_t maskedSum(sdk::Bytes plain) {
    const std::uint32_t sum = crc32c(plain);
    return (sum >> 15 | sum << 17) + 0xa282ead8;
}

void writeHeader(std::byte* to, unsigned type, std::size_t bodySize) {
    to[0] = static_cast<std::byte>(type);
    storeLittle(to + 1, bodySize, 3);
}

/// Data that would shrink by less than an eighth goes as it is, as Go's writer does it.
void appendChunk(sdk::Bytes plain, std::vector<std::byte>& wire) {
    const std::size_t begin = wire.size();
    wire.resize(begin + kHeaderSize + kChecksumSize + snappy::MaxCompressedLength(plain.size()));
    std::byte* const header = wire.data() + begin;
    std::byte* const checksum = header + kHeaderSize;
    std::byte* const data = checksum + kChecksumSize;

    std::size_t size = 0;
    snappy::RawCompress(chars(plain.data()), plain.size(), chars(data), &size);
    const bool shrunk = size < plain.size() - plain.size() / 8;
    if (!shrunk) {
        std::copy(plain.begin(), plain.end(), data);
        size = plain.size();
    }
    writeHeader(header, shrunk ? kCompressed : kUncompressed, kChecksumSize + size);
    storeLittle(checksum, maskedSum(plain), kChecksumSize);
    wire.resize(begin + kHeaderSize + kChecksumSize + size);
}

}  // namespace

SnappyCodec::SnappyCodec() : chunk_(kHeaderSize + kMaxBody), need_{kHeaderSize}, decoded_(kMaxPlain) {}

Codec::Step SnappyCodec::decode(sdk::Bytes wire, std::span<std::byte> plain) {
    std::size_t consumed = 0;
    while (undelivered_.empty() && consumed < wire.size()) consumed += take(wire.subspan(consumed));
    const std::size_t produced = std::min(undelivered_.size(), plain.size());
    std::copy_n(undelivered_.begin(), produced, plain.begin());
    undelivered_ = undelivered_.subspan(produced);
    return {consumed, produced};
}

std::size_t SnappyCodec::take(sdk::Bytes wire) {
    if (skip_ > 0) {
        const std::size_t taken = std::min(skip_, wire.size());
        skip_ -= taken;
        return taken;
    }
    const std::size_t taken = std::min(need_ - have_, wire.size());
    std::copy_n(wire.begin(), taken, chunk_.begin() + static_cast<std::ptrdiff_t>(have_));
    have_ += taken;
    if (have_ == kHeaderSize && need_ == kHeaderSize) beginChunk();
    if (have_ == need_ && have_ > kHeaderSize) endChunk();
    return taken;
}

/// Its header is here.
void SnappyCodec::beginChunk() {
    const auto type = std::to_integer<unsigned>(chunk_[0]);
    const std::size_t size = loadLittle(sdk::Bytes{chunk_}.subspan(1, 3));
    if (!identified_ && type != kStreamIdentifier)
        throw CodecError("snappy: the stream does not begin with its identifier");
    switch (type) {
        case kStreamIdentifier:
            if (size != kMagic.size()) throw CodecError("snappy: a stream identifier of a wrong size");
            break;
        case kCompressed:
            if (size <= kChecksumSize || size > kMaxBody)
                throw CodecError("snappy: a compressed chunk of a wrong size");
            break;
        case kUncompressed:
            if (size < kChecksumSize || size > kChecksumSize + kMaxPlain)
                throw CodecError("snappy: an uncompressed chunk of a wrong size");
            break;
        default:
            if (type < kFirstSkippable) throw CodecError("snappy: a chunk of an unknown type");
            skip_ = size;
            have_ = 0;
            return;
    }
    need_ = kHeaderSize + size;
}

/// All of it is here.
void SnappyCodec::endChunk() {
    const sdk::Bytes body = sdk::Bytes{chunk_}.subspan(kHeaderSize, have_ - kHeaderSize);
    const auto type = std::to_integer<unsigned>(chunk_[0]);
    if (type == kStreamIdentifier) {
        if (sdk::asText(body) != kMagic) throw CodecError("snappy: not the identifier of a snappy stream");
        identified_ = true;
    } else {
        undelivered_ = checkedData(type == kCompressed, body);
    }
    have_ = 0;
    need_ = kHeaderSize;
}

sdk::Bytes SnappyCodec::checkedData(bool isCompressed, sdk::Bytes body) {
    const sdk::Bytes data = body.subspan(kChecksumSize);
    const sdk::Bytes plain = isCompressed ? uncompressed(data) : data;
    if (maskedSum(plain) != loadLittle(body.first(kChecksumSize)))
        throw CodecError("snappy: a chunk with a wrong checksum");
    return plain;
}

sdk::Bytes SnappyCodec::uncompressed(sdk::Bytes compressed) {
    std::size_t size = 0;
    if (!snappy::GetUncompressedLength(chars(compressed.data()), compressed.size(), &size) ||
        size > kMaxPlain)
        throw CodecError("snappy: a chunk that decodes to a wrong size");
    if (!snappy::RawUncompress(chars(compressed.data()), compressed.size(), chars(decoded_.data())))
        throw CodecError("snappy: a chunk that cannot be decoded");
    return sdk::Bytes{decoded_}.first(size);
}

void SnappyCodec::encode(sdk::Bytes plain, std::vector<std::byte>& wire) {
    if (plain.empty()) return;
    if (!identifierWritten_) {
        wire.resize(wire.size() + kHeaderSize);
        writeHeader(wire.data() + wire.size() - kHeaderSize, kStreamIdentifier, kMagic.size());
        const sdk::Bytes magic = sdk::asBytes(kMagic);
        wire.insert(wire.end(), magic.begin(), magic.end());
        identifierWritten_ = true;
    }
    for (; !plain.empty(); plain = plain.subspan(std::min(kMaxPlain, plain.size())))
        appendChunk(plain.first(std::min(kMaxPlain, plain.size())), wire);
}

}  // namespace nsq::net
