// A connection with filters between its socket and its session.

#include <memory>
#include <stdexcept>
#include <utility>

#include "faults/exception_text.h"
#include "net/deflate_codec.h"
#include "net/snappy_codec.h"
#include "net/socket_connection.h"

namespace nsq::net {

using namespace std::chrono_literals;

namespace {

/// How long a client may take for the handshake; as nsqd.
constexpr auto kHandshakeTimeout = 5s;

}  // namespace

ConnectionFilters& SocketConnection::addFilter() {
    if (!filters_) filters_ = std::make_unique<ConnectionFilters>(*this);
    return *filters_;
}

void SocketConnection::startTls() {
    if (phase_ > Phase::kOpen) return;
    if (state_.settings.tls == nullptr) throw std::logic_error("the server has no certificate for TLS");
    ConnectionFilters& filters = addFilter();
    filters.chain.startTls(*state_.settings.tls, output_);
    filters.isHandshaking = true;
    filters.added = session_ != nullptr;
    limitTime(state_.now + kHandshakeTimeout);
    state_.touched.add(touched_);
}

void SocketConnection::startSnappy() {
    if (phase_ > Phase::kOpen) return;
    startCodec(std::make_unique<SnappyCodec>());
    filters_->snappy = true;
}

void SocketConnection::startDeflate(int level) {
    if (phase_ > Phase::kOpen) return;
    startCodec(std::make_unique<DeflateCodec>(level));
    filters_->deflate = true;
}

void SocketConnection::startCodec(std::unique_ptr<Codec> codec) {
    ConnectionFilters& filters = addFilter();
    filters.chain.startCodec(std::move(codec), output_);
    filters.added = true;
    state_.touched.add(touched_);
}

bool SocketConnection::isTls() const {
    return filters_ && filters_->chain.hasTls();
}

std::string SocketConnection::peerCommonName() const {
    return filters_ ? filters_->chain.peerCommonName() : std::string{};
}

std::size_t SocketConnection::receiveFiltered(std::size_t count) {
    filters_->chain.receive({state_.readBuffer.body(), count});
    return decode();
}

void SocketConnection::callDecode() {
    if (phase_ <= Phase::kOpen && !paused_) guarded([this] { paced([this] { return decode(); }); });
}

/// Gives the session a read's worth of what was received, at most. Returns its bytes.
std::size_t SocketConnection::decode() {
    std::size_t count = 0;
    try {
        count = filters_->chain.decode({state_.readBuffer.body(), readSize_});
    } catch (const CodecError& error) {
        filterFailed(error.what());
        return 0;
    }
    if (!filters_->chain.wire().empty()) state_.touched.add(touched_);  // the handshake's
    if (filters_->isHandshaking) takeNoticeOfHandshake();
    if (count > 0) receive(count);
    if (phase_ > Phase::kOpen) return count;
    scheduleDecoding();
    updateInterest();
    return count;
}

void SocketConnection::takeNoticeOfHandshake() {
    if (filters_->chain.handshaking()) return;
    filters_->isHandshaking = false;
    state_.touched.add(touched_);  // what waited for it
    if (phase_ == Phase::kOpening) {
        limitTime(state_.now + accepted_.firstBytesTimeout);
    } else {
        ownTimer_.clear();
    }
}

/// What is left waits while the session is paused.
void SocketConnection::scheduleDecoding() {
    if (paused_ || inputEnded_) return;
    if (filters_->chain.hasInput()) {
        state_.decoding.add(filters_->decoding);
    } else if (filters_->chain.inputEnded()) {
        inputEnded_ = true;
        state_.ended.add(ended_);
    }
}

void SocketConnection::filterFailed(std::string_view reason) {
    if (filters_->isHandshaking) {
        filters_->isHandshaking = false;
        filters_->chain.giveUp(output_);
        if (session_) {
            guarded([&] { session_->onTlsFailed(reason); });
        } else {
            state_.logger.warn("{}: {}", remoteAddress(), reason);
        }
    }
    close(reason);
}

/// False if the connection is closed.
bool SocketConnection::encodeSome() {
    try {
        filters_->chain.encode(output_, phase_ == Phase::kFlushing,
                               {state_.readBuffer.body(), FilterChain::kPiece});
        return true;
    } catch (...) {
        die(faults::exceptionText());
        return false;
    }
}

/// There is something that could be sent at once if the kernel took it.
bool SocketConnection::moreToSend() const {
    return filters_ ? filters_->chain.hasOutput(output_, phase_ == Phase::kFlushing) : !output_.empty();
}

}  // namespace nsq::net
