#include "bench/transport.h"

#include <openssl/err.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <string>

#include "net/deflate_codec.h"
#include "net/snappy_codec.h"

namespace nsq::bench {

namespace {

constexpr std::size_t kWireBytes = 256 * 1024;  ///< received at once
constexpr int kDeflateLevel = 6;                ///< that of nsqd, unless a client asks for another

[[noreturn]] void failTls(const char* what) {
    char text[256];
    ERR_error_string_n(ERR_get_error(), text, sizeof text);
    throw std::runtime_error(std::string(what) + ": " + text);
}

/// One for all: it believes any certificate.
SSL_CTX* clientContext() {
    static SSL_CTX* const context = SSL_CTX_new(TLS_client_method());
    return context;
}

}  // namespace

void Transport::upgrade(TransportKind kind, sdk::Bytes received) {
    switch (kind) {
        case TransportKind::kPlain:
            return;
        case TransportKind::kSnappy:
            codec_ = std::make_unique<net::SnappyCodec>();
            break;
        case TransportKind::kDeflate:
            codec_ = std::make_unique<net::DeflateCodec>(kDeflateLevel);
            break;
        case TransportKind::kTls:
            tls_.reset(SSL_new(clientContext()));
            if (!tls_ || SSL_set_fd(tls_.get(), socket_.fd()) != 1) failTls("TLS");
            if (SSL_connect(tls_.get()) != 1) failTls("TLS handshake");
            return;
    }
    wire_.assign(received.begin(), received.end());
    end_ = wire_.size();
    wire_.resize(kWireBytes);
}

void Transport::send(sdk::Bytes bytes) {
    if (tls_) {
        if (SSL_write(tls_.get(), bytes.data(), static_cast<int>(bytes.size())) <= 0) failTls("TLS write");
    } else if (codec_) {
        encoded_.clear();
        codec_->encode(bytes, encoded_);
        socket_.send(encoded_);
    } else {
        socket_.send(bytes);
    }
}

std::size_t Transport::receive(std::span<std::byte> to) {
    return tls_ ? receiveTls(to) : codec_ ? receiveDecoded(to) : socket_.receive(to);
}

std::size_t Transport::receiveTls(std::span<std::byte> to) {
    const int got = SSL_read(tls_.get(), to.data(), static_cast<int>(to.size()));
    if (got <= 0) failTls("TLS read");
    return static_cast<std::size_t>(got);
}

std::size_t Transport::receiveDecoded(std::span<std::byte> to) {
    for (;;) {
        const sdk::Bytes received = sdk::Bytes{wire_}.subspan(begin_, end_ - begin_);
        const net::Codec::Step step = codec_->decode(received, to);
        begin_ += step.consumed;
        mayHoldMore_ = step.produced == to.size();
        if (step.produced > 0) return step.produced;
        if (step.consumed > 0) continue;
        std::memmove(wire_.data(), wire_.data() + begin_, end_ - begin_);
        end_ -= begin_;
        begin_ = 0;
        end_ += socket_.receive(std::span{wire_}.subspan(end_));
    }
}

bool Transport::holdsInput() const {
    return tls_ ? SSL_pending(tls_.get()) > 0 : begin_ < end_ || mayHoldMore_;
}

}  // namespace nsq::bench
