#pragma once

#include <chrono>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>

#include "faults/calling.h"
#include "net/accepted.h"
#include "net/connection_filters.h"
#include "net/input_buffer.h"
#include "net/loop_state.h"
#include "nsq/sdk/connection.h"
#include "nsq/sdk/stats.h"

namespace nsq::net {

/// One socket and its session, from the first byte to the close. Belongs to its loop, which calls it when
/// there is something to do and destroys it after it stood on LoopState::dead. THREAD: the loop.
///
/// Opening (waits for the first bytes) -> open (has a session) -> flushing (sends what is left) -> draining
/// (reads on for a moment, lest unread bytes make the kernel throw away what was sent) -> dead. Any of them
/// may be left out.
///
/// Filters lie between socket and session: what is received goes into them, and what they decode is received
/// by the session as if it came from the socket, a read buffer a turn at most.
class SocketConnection final : public sdk::Connection {
public:
    using List = std::list<SocketConnection>;

    SocketConnection(Accepted accepted, sdk::Loop& loop, LoopState& state);
    SocketConnection(const SocketConnection&) = delete;
    SocketConnection& operator=(const SocketConnection&) = delete;
    ~SocketConnection() = default;

    sdk::Loop& loop() override { return loop_; }
    sdk::Output& output() override;
    std::size_t outputRoom() const override;
    void resumeInput() override;
    void close(std::string_view reason) override;
    void setTimer(sdk::Clock::time_point when) override;
    void clearTimer() override { sessionTimer_.clear(); }
    sdk::Clock::time_point lastReadAt() const override { return lastReadAt_; }
    const std::string& remoteAddress() const override { return accepted_.remoteAddress; }
    std::string remoteHost() const override;
    void startTls() override;
    void startSnappy() override;
    void startDeflate(int level) override;
    bool isTls() const override;
    std::string peerCommonName() const override;
    std::size_t unsent() const override { return output_.size() + (filters_ ? filters_->chain.unsent() : 0); }

    /// Begins to read. `self` is where the loop keeps this connection.
    void start(List::iterator self);
    List::iterator self() const { return self_; }
    ConnectionKind kind() const { return accepted_.kind; }

    /// Whose session it has; null: nobody's that has a name, or there is none yet.
    const faults::CodeOwner* owner() const { return owner_; }

    /// What the loop found out: epoll events, a timer of this connection.
    void onEvents(std::uint32_t events);
    void onTimer(const Timer& timer);

    /// The steps of a turn, one for each work list.
    void callDecode();
    void callDrained();
    void callResumed();
    void endSession();
    void endInput();
    void flush();

    /// Closes without sending what is left.
    void die(std::string_view reason);

    /// Within a catch block: logs that the session failed, in `what` if that is not one of its own calls, and
    /// closes.
    void fail(std::string_view what = {});

    /// Appends the client, if it has a session.
    void describe(std::vector<sdk::ClientStats>& clients);

private:
    enum class Phase { kOpening, kOpen, kFlushing, kDraining, kDead };

    void readInput();
    void receive(std::size_t count);
    bool openSession(sdk::Bytes first);
    std::size_t giveData(sdk::Bytes data);
    void limitTime(sdk::Clock::time_point until);
    void pauseOrGoOn(bool progress);
    void watchPause(bool progress);
    void onStalled();
    std::string_view ownerName() const;
    void updateInterest();
    std::uint32_t wantedEvents() const;
    sdk::Output& outgoing() { return filters_ ? filters_->chain.wire() : output_; }
    ssize_t sendSome();
    void finishFlush();

    // socket_connection_filters.cpp
    ConnectionFilters& addFilter();
    void startCodec(std::unique_ptr<Codec> codec);
    std::size_t receiveFiltered(std::size_t count);
    std::size_t decode();
    void takeNoticeOfHandshake();
    void filterFailed(std::string_view reason);
    void scheduleDecoding();
    bool encodeSome();
    bool moreToSend() const;

    /// Calls the session; an exception out of it is logged and closes the connection.
    template <typename Call>
    void guarded(Call call) {
        const faults::Calling calling(faults::Caller{owner_, this});
        try {
            call();
        } catch (...) {
            fail();
        }
    }

    /// Calls what gives the session a read and returns its bytes: a client of costly commands gets the loop
    /// in short parts.
    template <typename Call>
    void paced(Call call) {
        const auto began = sdk::Clock::now();
        const std::size_t count = call();
        adaptReadSize(sdk::Clock::now() - began, count);
    }
    void adaptReadSize(sdk::Clock::duration took, std::size_t count);

    Accepted accepted_;
    sdk::Loop& loop_;
    LoopState& state_;
    List::iterator self_;
    faults::CodeOwner* owner_ = nullptr;  ///< whose code the session is; null: the server's own, or none yet
    sdk::Output output_;
    InputBuffer input_;
    std::unique_ptr<ConnectionFilters> filters_;  ///< null: the socket's bytes are the session's
    sdk::Clock::time_point lastReadAt_;
    std::chrono::system_clock::time_point connectedAt_ = std::chrono::system_clock::now();

    Phase phase_ = Phase::kOpening;
    std::uint32_t interest_ = 0;                      ///< what epoll watches
    std::uint32_t readSize_ = ReadBuffer::kReadSize;  ///< bytes given to the session at once, at most
    std::size_t maxPending_ = 0;                      ///< Session::maxPending when it last left something
    bool paused_ = false;                             ///< the session left more than it may hope to use
    bool stallTimed_ = false;                         ///< ownTimer_ limits how long it is paused
    bool inputEnded_ = false;                         ///< the client closed its side, and all before was read
    bool hungUp_ = false;      ///< the client closed its side while the input was paused
    bool shortWrite_ = false;  ///< the kernel took less than there was
    bool starved_ = false;     ///< outputRoom() was 0, and onOutputDrained was not called since

    Timer sessionTimer_{*this};
    Timer ownTimer_{
        *this};  ///< limits the handshake, opening, a pause, waiting after the client's end, closing
    WorkHook drained_{*this};
    WorkHook resumed_{*this};
    WorkHook closed_{*this};
    WorkHook ended_{*this};
    WorkHook touched_{*this};
    WorkHook dead_{*this};

    std::unique_ptr<sdk::Session> session_;  ///< the last member: destroyed while the others still live
};

}  // namespace nsq::net
