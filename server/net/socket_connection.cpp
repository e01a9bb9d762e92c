#include "net/socket_connection.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "faults/exception_text.h"

namespace nsq::net {

using namespace std::chrono_literals;

namespace {

/// outputRoom() is 0 from here on (chosen, bytes): some turns' worth for a fast client.
constexpr std::size_t kHighWater = 256 * 1024;

/// onOutputDrained waits until this little is left, so that a slow client is fed in large pieces.
constexpr std::size_t kLowWater = kHighWater / 2;

/// The most bytes sent to one client in one turn (chosen): others wait.
constexpr std::size_t kMaxFlush = 1024 * 1024;

/// What a session does with one read should take this long at most (chosen): others wait. After a longer one
/// the next read is half as large, down to kLeastRead bytes, which is some hundred small commands.
constexpr auto kLongRead = 500us;
constexpr std::uint32_t kLeastRead = 4096;

/// How long a closed connection reads on, waiting for the client's end (chosen). What it reads is thrown
/// away, a read buffer a turn, so bytes need no limit of their own.
constexpr auto kDrainTimeout = 1s;

}  // namespace

SocketConnection::SocketConnection(Accepted accepted, sdk::Loop& loop, LoopState& state)
    : accepted_(std::move(accepted)), loop_(loop), state_(state), lastReadAt_(state.now) {
    if (kind() == ConnectionKind::kProtocol) output_.limit(state.settings.maxOutput);
}

void SocketConnection::start(List::iterator self) {
    self_ = self;
    interest_ = wantedEvents();
    if (!state_.poller.add(accepted_.socket.get(), interest_, this)) {
        state_.logger.error("{}: cannot watch the socket: {}", remoteAddress(),
                            std::generic_category().message(errno));
        return die("not watched");
    }
    limitTime(state_.now + accepted_.firstBytesTimeout);
    if (accepted_.transport == Transport::kTls) guarded([this] { startTls(); });
}

/// Replaces the limit before, whatever it was for.
void SocketConnection::limitTime(sdk::Clock::time_point until) {
    stallTimed_ = false;
    state_.timers.set(ownTimer_, until);
}

sdk::Output& SocketConnection::output() {
    state_.touched.add(touched_);
    return output_;
}

std::size_t SocketConnection::outputRoom() const {
    const std::size_t waiting = unsent();
    return waiting >= kHighWater ? 0 : kHighWater - waiting;
}

void SocketConnection::resumeInput() {
    if (phase_ <= Phase::kOpen) state_.resumed.add(resumed_);
}

void SocketConnection::setTimer(sdk::Clock::time_point when) {
    // Not before the next turn: a session that sets a time in the past from onTimer must not hold up the
    // others.
    if (phase_ <= Phase::kOpen) state_.timers.set(sessionTimer_, std::max(when, state_.now + 1ns));
}

std::string SocketConnection::remoteHost() const {
    const std::string& address = remoteAddress();
    if (accepted_.isUnix) return {};
    const std::string host = address.substr(0, address.rfind(':'));
    return host.starts_with('[') ? host.substr(1, host.size() - 2) : host;
}

void SocketConnection::close(std::string_view reason) {
    if (phase_ > Phase::kOpen) return;
    state_.logger.debug("{}: closing: {}", remoteAddress(), reason);
    phase_ = Phase::kFlushing;
    sessionTimer_.clear();
    limitTime(state_.now + state_.settings.closeTimeout);
    state_.closed.add(closed_);
    state_.touched.add(touched_);
}

void SocketConnection::die(std::string_view reason) {
    if (phase_ == Phase::kDead) return;
    state_.logger.debug("{}: closed: {}", remoteAddress(), reason);
    phase_ = Phase::kDead;
    sessionTimer_.clear();
    ownTimer_.clear();
    state_.closed.add(closed_);
    state_.dead.add(dead_);
}

void SocketConnection::endSession() {
    if (session_ && owner_ != nullptr) owner_->connectionClosed();
    {
        const faults::Calling calling(faults::Caller{owner_, this});
        session_.reset();
    }
    input_.clear();
    if (phase_ != Phase::kDead) updateInterest();
}

void SocketConnection::fail(std::string_view what) {
    const std::string text =
        what.empty() ? faults::exceptionText() : fmt::format("{}: {}", what, faults::exceptionText());
    state_.logger.error("{}: the {} session failed and is closed: {}", remoteAddress(), ownerName(), text);
    if (owner_ != nullptr) owner_->failed(text);
    close("its session failed");
}

std::string_view SocketConnection::ownerName() const {
    if (owner_ != nullptr) return owner_->name();
    return kind() == ConnectionKind::kHttp ? "HTTP" : "new";
}

void SocketConnection::onEvents(std::uint32_t events) {
    if (phase_ == Phase::kDead) return;
    if ((events & EPOLLOUT) != 0) state_.touched.add(touched_);
    if ((interest_ & EPOLLIN) != 0) {
        if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) guarded([this] { readInput(); });
    } else if ((events & (EPOLLHUP | EPOLLERR)) != 0) {
        die("the client hung up");
    } else if ((events & EPOLLRDHUP) != 0) {
        // There may be more to read. The session gets a while to come to it.
        hungUp_ = true;
        limitTime(state_.now + state_.settings.closeTimeout);
        updateInterest();
    }
}

void SocketConnection::onTimer(const Timer& timer) {
    if (&timer == &sessionTimer_) return guarded([this] { session_->onTimer(); });
    if (filters_ && filters_->isHandshaking && phase_ <= Phase::kOpen) {
        return filterFailed("the TLS handshake was not done in time");
    }
    if (std::exchange(stallTimed_, false)) return onStalled();
    if (phase_ == Phase::kOpen) return close("the client hung up");
    die(phase_ == Phase::kOpening ? "the client sent nothing in time" : "the client does not read");
}

void SocketConnection::readInput() {
    const std::size_t most = phase_ > Phase::kOpen ? ReadBuffer::kReadSize : readSize_;
    const ssize_t count = ::recv(accepted_.socket.get(), state_.readBuffer.body(), most, MSG_DONTWAIT);
    if (count > 0) {
        if (phase_ > Phase::kOpen) return;
        lastReadAt_ = state_.now;
        paced([&] {
            if (filters_) return receiveFiltered(static_cast<std::size_t>(count));
            receive(static_cast<std::size_t>(count));
            return static_cast<std::size_t>(count);
        });
    } else if (count == 0) {
        if (phase_ == Phase::kDraining) return die("the client hung up");
        inputEnded_ = true;
        state_.ended.add(ended_);
        updateInterest();
    } else if (errno != EAGAIN && errno != EINTR) {
        die(std::generic_category().message(errno));
    }
}

/// Of a small read it is not known how long a whole one would take.
void SocketConnection::adaptReadSize(sdk::Clock::duration took, std::size_t count) {
    if (took > kLongRead) {
        readSize_ = std::max(readSize_ / 2, kLeastRead);
    } else if (readSize_ < ReadBuffer::kReadSize && took < kLongRead / 4 && count == readSize_) {
        readSize_ *= 2;
    }
}

void SocketConnection::receive(std::size_t count) {
    const bool join = input_.size() <= ReadBuffer::kHeadroom;
    if (!join) input_.append({state_.readBuffer.body(), count}, maxPending_ + ReadBuffer::kReadSize);
    const sdk::Bytes data = join ? state_.readBuffer.joined(input_.bytes(), count) : input_.bytes();
    std::size_t used = 0;
    if (phase_ == Phase::kOpen || openSession(data)) used = giveData(data);
    if (phase_ > Phase::kOpen) return;
    if (join) {
        input_.assign(data.subspan(used));
    } else {
        input_.consume(used);
    }
    pauseOrGoOn(used > 0);
}

/// False as long as there is no session.
bool SocketConnection::openSession(sdk::Bytes data) {
    const std::size_t needed = accepted_.opener.bytesNeeded();
    if (data.size() < needed) return false;
    owner_ = accepted_.opener.ownerOf(data.first(needed));
    guarded([&] { session_ = accepted_.opener.open(*this, data.first(needed)); });
    if (session_ && owner_ != nullptr) owner_->connectionOpened();
    if (phase_ != Phase::kOpening) return false;
    if (!session_) {
        close("it is refused");
        return false;
    }
    phase_ = Phase::kOpen;
    ownTimer_.clear();
    return true;
}

std::size_t SocketConnection::giveData(sdk::Bytes data) {
    std::size_t used = 0;
    guarded([&] { used = session_->onData(data); });
    used = std::min(used, data.size());
    if (!filters_ || !filters_->added) return used;
    // What it left is the new filter's, and so is the end behind it, which is read again.
    filters_->added = false;
    filters_->chain.putBack(data.subspan(used));
    inputEnded_ = false;
    return data.size();
}

/// After the session was given its input. `progress`: it used some of it.
void SocketConnection::pauseOrGoOn(bool progress) {
    if (!session_) return;
    if (!input_.empty()) guarded([this] { maxPending_ = session_->maxPending(); });
    paused_ = input_.size() > maxPending_;
    if (!paused_ && hungUp_) {
        hungUp_ = false;
        ownTimer_.clear();
    }
    watchPause(progress);
    if (filters_) scheduleDecoding();
    updateInterest();
}

/// A pause has an end, counted from when the session last used something. After the client's end another
/// limit holds already.
void SocketConnection::watchPause(bool progress) {
    if (kind() == ConnectionKind::kHttp) return;  // its handlers take the time they need
    if (paused_ && !hungUp_ && !inputEnded_ && (progress || !stallTimed_)) {
        limitTime(state_.now + state_.settings.maxStalled);
        stallTimed_ = true;
    } else if (!paused_ && std::exchange(stallTimed_, false)) {
        ownTimer_.clear();
    }
}

void SocketConnection::onStalled() {
    // A client that does not take its output may keep the session from going on until it is told of room.
    if (starved_ || outputRoom() == 0) return watchPause(true);
    const std::string text = fmt::format("it left {} bytes unused for too long", input_.size());
    state_.logger.error("{}: the {} session is stuck and is closed: {}", remoteAddress(), ownerName(), text);
    if (owner_ != nullptr) owner_->failed(text);
    close("its session is stuck");
}

void SocketConnection::callResumed() {
    if (phase_ != Phase::kOpen || input_.empty()) return;
    const std::size_t used = giveData(input_.bytes());
    if (phase_ != Phase::kOpen) return;
    input_.consume(used);
    pauseOrGoOn(used > 0);
}

void SocketConnection::callDrained() {
    if (phase_ == Phase::kOpen) guarded([this] { session_->onOutputDrained(); });
}

void SocketConnection::endInput() {
    if (phase_ > Phase::kOpen || !inputEnded_) return;
    bool goesOn = false;
    if (session_) guarded([&] { goesOn = session_->onInputEnd(); });
    if (phase_ > Phase::kOpen) return;
    if (!goesOn) return close("the client hung up");
    limitTime(state_.now + state_.settings.closeTimeout);
}

std::uint32_t SocketConnection::wantedEvents() const {
    std::uint32_t events = 0;
    if (shortWrite_) events |= EPOLLOUT;
    if (phase_ == Phase::kDraining) events |= EPOLLIN;
    if (phase_ > Phase::kOpen || inputEnded_) return events;
    if (!paused_) return filters_ && filters_->chain.hasInput() ? events : events | EPOLLIN;
    return hungUp_ ? events : events | EPOLLRDHUP;
}

void SocketConnection::updateInterest() {
    const std::uint32_t wanted = wantedEvents();
    if (wanted == interest_) return;
    interest_ = wanted;
    state_.poller.modify(accepted_.socket.get(), wanted, this);
}

/// Sends once. Returns the bytes the kernel took, or -1 with errno.
ssize_t SocketConnection::sendSome() {
    const std::size_t count = outgoing().peek(state_.pieces);
    for (std::size_t i = 0; i < count; ++i) {
        const sdk::Bytes piece = state_.pieces[i];
        state_.vectors[i] = {const_cast<std::byte*>(piece.data()), piece.size()};
    }
    msghdr message{};
    message.msg_iov = state_.vectors.data();
    message.msg_iovlen = count;
    return ::sendmsg(accepted_.socket.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void SocketConnection::flush() {
    if (phase_ > Phase::kFlushing) return;
    starved_ = starved_ || unsent() >= kHighWater;
    std::size_t total = 0;
    while (total < kMaxFlush) {
        if (filters_ && !encodeSome()) return;
        if (outgoing().empty()) break;
        const ssize_t sent = sendSome();
        if (sent < 0) {
            if (errno == EINTR) continue;
            if (errno == EAGAIN) break;
            return die(std::generic_category().message(errno));
        }
        outgoing().consume(static_cast<std::size_t>(sent));
        total += static_cast<std::size_t>(sent);
    }
    // A client that takes what there is still to come is given the time.
    if (total > 0 && phase_ == Phase::kFlushing) limitTime(state_.now + state_.settings.closeTimeout);
    shortWrite_ = moreToSend();
    if (!shortWrite_ && phase_ == Phase::kFlushing) return finishFlush();
    updateInterest();
    if (starved_ && phase_ == Phase::kOpen && unsent() <= kLowWater) {
        starved_ = false;
        state_.drained.add(drained_);
    }
}

void SocketConnection::finishFlush() {
    if (inputEnded_) return die("all is sent");
    ::shutdown(accepted_.socket.get(), SHUT_WR);
    phase_ = Phase::kDraining;
    limitTime(std::min(ownTimer_.when(), state_.now + kDrainTimeout));
    updateInterest();
}

void SocketConnection::describe(std::vector<sdk::ClientStats>& clients) {
    if (phase_ != Phase::kOpen) return;
    sdk::ClientStats& stats = clients.emplace_back();
    stats.remoteAddress = remoteAddress();
    stats.connectedAt = connectedAt_;
    if (filters_) {
        filters_->chain.describe(stats);
        stats.snappy = filters_->snappy;
        stats.deflate = filters_->deflate;
    }
    guarded([&] { session_->describe(stats); });
}

}  // namespace nsq::net
