#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <vector>

#include "bench/settings.h"
#include "bench/socket.h"
#include "net/codec.h"

namespace nsq::bench {

/// A connection's bytes, as they are or, once upgraded, through TLS or a codec. Errors are thrown as
/// std::runtime_error. THREAD: one.
class Transport {
public:
    explicit Transport(int port) : socket_(port) {}

    /// Everything from here on goes through it, and before it `received`, which came too early.
    void upgrade(TransportKind kind, sdk::Bytes received);

    void send(sdk::Bytes bytes);

    /// Waits for something. Returns how many bytes of `to` were filled.
    std::size_t receive(std::span<std::byte> to);

    /// receive() may have something without asking the socket.
    bool holdsInput() const;

    int fd() const { return socket_.fd(); }

private:
    std::size_t receiveTls(std::span<std::byte> to);
    std::size_t receiveDecoded(std::span<std::byte> to);

    struct Free {
        void operator()(SSL* ssl) const { SSL_free(ssl); }
    };

    Socket socket_;
    std::unique_ptr<SSL, Free> tls_;
    std::unique_ptr<net::Codec> codec_;
    std::vector<std::byte> encoded_;  ///< scratch
    std::vector<std::byte> wire_;     ///< received and not decoded: from begin_ to end_
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    bool mayHoldMore_ = false;  ///< the last decoding filled all the room it had
};

}  // namespace nsq::bench
