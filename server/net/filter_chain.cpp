#include "net/filter_chain.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <stdexcept>
#include <utility>
#include <vector>

namespace nsq::net {

namespace {

/// The most that one record of TLS holds, in bytes.
constexpr std::size_t kRecord = 16 * 1024;

/// Grows the input in steps up to this size (chosen, bytes).
constexpr std::size_t kInputStep = 512 * 1024;

/// Moves the first bytes of `output` to `to`, as many as fit. Returns these.
sdk::Bytes take(sdk::Output& output, std::span<std::byte> to) {
    std::size_t total = 0;
    std::array<sdk::Bytes, 64> pieces;
    while (total < to.size() && !output.empty()) {
        std::size_t taken = 0;
        for (const sdk::Bytes piece : std::span{pieces}.first(output.peek(pieces))) {
            const sdk::Bytes part = piece.first(std::min(piece.size(), to.size() - total - taken));
            if (part.empty()) break;
            std::memcpy(to.data() + total + taken, part.data(), part.size());
            taken += part.size();
        }
        output.consume(taken);
        total += taken;
    }
    return to.first(total);
}

}  // namespace

void FilterChain::startTls(const TlsContext& context, sdk::Output& plain) {
    if (tls_ || codec_) throw std::logic_error("TLS must be the first filter, and the only one of its kind");
    wire_ = std::exchange(plain, {});
    tls_.emplace(context, wire_);
}

void FilterChain::startCodec(std::unique_ptr<Codec> codec, sdk::Output& plain) {
    if (codec_) throw std::logic_error("the connection is compressed already");
    (tls_ ? beforeCodec_ : wire_) = std::exchange(plain, {});
    codec_ = std::move(codec);
}

void FilterChain::receive(sdk::Bytes wire) {
    received_.append(wire, kInputStep);
    hasInput_ = true;
}

void FilterChain::putBack(sdk::Bytes bytes) {
    const bool throughTls = tls_ && tls_->established();
    (throughTls ? decrypted_ : received_).append(bytes, kInputStep);
    hasInput_ = true;
}

std::size_t FilterChain::decode(std::span<std::byte> plain) {
    if (!failure_.empty()) throw CodecError(failure_);
    const std::size_t produced = codec_ ? decompress(plain) : decrypt(plain);
    hasInput_ = produced == plain.size() || !failure_.empty() || (tls_ && tls_->failed());
    return produced;
}

std::size_t FilterChain::decrypt(std::span<std::byte> plain) {
    const Codec::Step step = tls_->decode(received_.bytes(), plain);
    received_.consume(step.consumed);
    return step.produced;
}

std::size_t FilterChain::decompress(std::span<std::byte> plain) {
    InputBuffer& from = tls_ ? decrypted_ : received_;
    std::size_t produced = 0;
    try {
        while (produced < plain.size()) {
            const Codec::Step step = codec_->decode(from.bytes(), plain.subspan(produced));
            from.consume(step.consumed);
            produced += step.produced;
            if (step.consumed == 0 && step.produced == 0 && !(tls_ && decryptRecord())) break;
        }
    } catch (const CodecError& error) {
        if (produced == 0) throw;
        failure_ = error.what();
    }
    return produced;
}

/// False if there is none.
bool FilterChain::decryptRecord() {
    std::array<std::byte, kRecord> record;
    const std::size_t size = decrypt(record);
    decrypted_.append(std::span{record}.first(size), kInputStep);
    return size > 0;
}

void FilterChain::encode(sdk::Output& plain, bool last, std::span<std::byte> scratch) {
    if (!wire_.empty()) return;
    if (handshaking() || (tls_ && tls_->failed())) {
        if (!last) return;
        beforeCodec_.clear();
        plain.clear();
        return;
    }
    if (!beforeCodec_.empty()) return tls_->encode(take(beforeCodec_, scratch));
    sdk::Bytes piece = take(plain, scratch);
    if (piece.empty()) {
        if (last && tls_ && !tls_->outputEnded()) tls_->end();
        return;
    }
    std::vector<std::byte> encoded;
    if (codec_) {
        codec_->encode(piece, encoded);
        piece = encoded;
    }
    tls_ ? tls_->encode(piece) : wire_.write(piece);
}

bool FilterChain::hasOutput(const sdk::Output& plain, bool last) const {
    if (!wire_.empty()) return true;
    if (handshaking() || (tls_ && tls_->failed())) return false;
    return !beforeCodec_.empty() || !plain.empty() || (last && tls_ && !tls_->outputEnded());
}

void FilterChain::giveUp(sdk::Output& plain) {
    tls_.reset();
    codec_.reset();
    beforeCodec_.clear();
    plain.clear();
}

void FilterChain::describe(sdk::ClientStats& stats) const {
    if (tls_ && tls_->established()) tls_->describe(stats);
}

}  // namespace nsq::net
