#pragma once

#include <span>
#include <string>

#include "net/codec.h"
#include "net/tls_context.h"
#include "nsq/sdk/output.h"
#include "nsq/sdk/stats.h"

namespace nsq::net {

/// The server's side of TLS on one connection, without a socket. The handshake goes on as the peer's bytes
/// come to decode(). THREAD: the connection's loop.
class TlsFilter {
public:
    /// All that is to be sent, handshake and alerts included, is written into `wire`, which outlives this.
    TlsFilter(const TlsContext& context, sdk::Output& wire);
    TlsFilter(const TlsFilter&) = delete;
    TlsFilter& operator=(const TlsFilter&) = delete;

    /// As Codec::decode. All of `wire` is consumed unless `plain` is full. Throws CodecError, once what came
    /// before the error is decoded: failed() then tells already. A peer that keeps TLS itself busy, with new
    /// keys say, is an error too: that takes time and output, and no session sees it.
    Codec::Step decode(sdk::Bytes wire, std::span<std::byte> plain);

    /// Once established(), and not failed(). Throws CodecError.
    void encode(sdk::Bytes plain);

    /// Once established(): tells the peer that nothing more comes (close_notify).
    void end();

    /// The handshake is done.
    bool established() const { return established_; }

    /// The peer has said that nothing more comes; what comes nevertheless is thrown away.
    bool inputEnded() const { return inputEnded_; }
    bool outputEnded() const { return outputEnded_; }
    bool failed() const { return !failure_.empty(); }

    /// Fills in what is agreed, once established().
    void describe(sdk::ClientStats& stats) const;

    /// Of the peer's certificate; empty without one.
    std::string peerCommonName() const;

private:
    /// What OpenSSL reads from and writes to in place of a socket.
    static const BIO_METHOD* ends();
    static int read(BIO* bio, char* to, std::size_t size, std::size_t* count);
    static int write(BIO* bio, const char* from, std::size_t size, std::size_t* count);
    static long control(BIO* bio, int command, long number, void* pointer);

    /// Told of every message of TLS, either way.
    static void onMessage(int isSent, int version, int type, const void* bytes, std::size_t size, SSL* ssl,
                          void* filter);

    bool isAbused() const;
    void fail(std::string reason);

    sdk::Output& wire_;
    sdk::Bytes received_;  ///< of decode()'s bytes, those not read yet
    int messages_ = 0;     ///< of the handshake's kind, received in this decode()
    bool established_ = false;
    bool inputEnded_ = false;
    bool outputEnded_ = false;
    std::string failure_;
    SslPtr ssl_;
};

}  // namespace nsq::net
