#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "net/codec.h"
#include "net/input_buffer.h"
#include "net/tls_filter.h"
#include "nsq/sdk/output.h"
#include "nsq/sdk/stats.h"

namespace nsq::net {

/// What lies between a connection's socket and its session: TLS, a codec, or a codec above TLS. Bytes in,
/// bytes out; it never touches a socket. THREAD: the connection's loop.
///
/// What it holds is bounded: of the input what was received at once and the start of a record or frame, of
/// the output a piece of kPiece bytes as it is sent; the rest stays with the session and the caller.
class FilterChain {
public:
    /// Encoded at once (chosen, bytes): large enough for records and compression to be worth it, small enough
    /// that a client which takes anything is seen to do so.
    static constexpr std::size_t kPiece = 64 * 1024;

    /// Both: `plain` is the session's output; what it holds goes out as it would have until now, and what is
    /// written later through the new filter too. So does input that comes to receive() or putBack() later.
    /// TLS comes first, and each once. Throws std::logic_error.
    void startTls(const TlsContext& context, sdk::Output& plain);
    void startCodec(std::unique_ptr<Codec> codec, sdk::Output& plain);

    /// Keeps what was received, until decode() asks for it.
    void receive(sdk::Bytes wire);

    /// Bytes that came out of the chain before its last filter was started, but that are this filter's.
    void putBack(sdk::Bytes bytes);

    /// Decodes as much as there is and `plain` takes. Returns how much that was. Throws CodecError, once what
    /// came before the error is decoded.
    std::size_t decode(std::span<std::byte> plain);

    /// There may be more to decode without anything received.
    bool hasInput() const { return hasInput_; }

    /// The peer has said that it sends no more, and all before was decoded.
    bool inputEnded() const { return tls_ && tls_->inputEnded() && !hasInput_; }

    /// What is to be sent, as the socket takes it.
    sdk::Output& wire() { return wire_; }

    /// Fills wire(), if it is empty, with the next of `plain`. Until the handshake is done, `plain` waits.
    /// `last`: nothing more will be written; then the end is encoded as well, and what would wait is thrown
    /// away. Throws CodecError. `scratch` has kPiece bytes.
    void encode(sdk::Output& plain, bool last, std::span<std::byte> scratch);

    /// encode() and wire() have something to be sent now.
    bool hasOutput(const sdk::Output& plain, bool last) const;

    /// Bytes in here that are not sent yet.
    std::size_t unsent() const { return wire_.size() + beforeCodec_.size(); }

    bool handshaking() const { return tls_ && !tls_->established(); }
    bool hasTls() const { return tls_.has_value(); }
    bool hasCodec() const { return codec_ != nullptr; }

    /// The handshake has failed: there are no filters any more. What waits in here and in `plain` is thrown
    /// away; what is written into it now is sent as it is.
    void giveUp(sdk::Output& plain);

    /// Fills in the facts of TLS.
    void describe(sdk::ClientStats& stats) const;
    std::string peerCommonName() const { return tls_ ? tls_->peerCommonName() : std::string{}; }

private:
    std::size_t decrypt(std::span<std::byte> plain);
    std::size_t decompress(std::span<std::byte> plain);
    bool decryptRecord();

    sdk::Output wire_;
    sdk::Output beforeCodec_;  ///< what TLS must send before anything of the codec
    InputBuffer received_;     ///< as the socket gave it
    InputBuffer decrypted_;    ///< by TLS, for the codec
    std::optional<TlsFilter> tls_;
    std::unique_ptr<Codec> codec_;
    bool hasInput_ = false;
    std::string failure_;  ///< what decode() is to throw next
};

}  // namespace nsq::net
