#pragma once

#include <string>
#include <string_view>

#include "nsq/sdk/loop.h"
#include "nsq/sdk/output.h"

namespace nsq::sdk {

/// What a session sees of its socket. Owned by the host; outlives the session. THREAD: the connection's loop.
class Connection {
public:
    virtual Loop& loop() = 0;

    /// What was written here is sent at the end of the turn. Ask for it in each turn that writes: the call is
    /// how the loop knows.
    virtual Output& output() = 0;

    /// Bytes that may be written before the session should stop producing (delivering messages, say): 0 when
    /// the client reads too slowly. Answers to commands may go beyond it. Once the output has shrunk again
    /// Session::onOutputDrained is called.
    virtual std::size_t outputRoom() const = 0;

    /// Calls Session::onData again in this turn with the bytes it left, if there are any: for a session that
    /// stopped in order to wait for something.
    virtual void resumeInput() = 0;

    /// Closes once the output is sent, or has not been taken by the client for 5 s. No call reaches the
    /// session but its destructor. May be called from within the session. `reason` goes to the log at debug
    /// level.
    virtual void close(std::string_view reason) = 0;

    /// Session::onTimer is called once, at `when` or up to a millisecond later. Replaces an earlier setting.
    virtual void setTimer(Clock::time_point when) = 0;
    virtual void clearTimer() = 0;

    /// When bytes were last read from the client; at first, when the connection was made.
    virtual Clock::time_point lastReadAt() const = 0;

    /// `host:port` of the client. On a unix socket the path that the client's own socket has, or `@` when it
    /// has none, as nsqd shows it.
    virtual const std::string& remoteAddress() const = 0;

    /// Like remoteAddress, without the port. Empty on a unix socket.
    virtual std::string remoteHost() const = 0;

    /// Filters beneath the session, each started once at most, TLS before a compression, from within
    /// Session::onData. What the output holds already goes out as before, what is written from now on through
    /// the filter; what onData leaves when it returns is the filter's input, and nothing that was not
    /// filtered reaches the session any more. Only what the server's Limits allow may be started.
    ///
    /// With TLS the output waits for the handshake, which the client has 5 s for; see Session::onTlsFailed.
    virtual void startTls() = 0;

    /// Snappy's framing format.
    virtual void startSnappy() = 0;

    /// Raw deflate, flushed whenever output is sent. `level`: 1..9.
    virtual void startDeflate(int level) = 0;

    /// The session's input comes through TLS.
    virtual bool isTls() const = 0;

    /// The common name in the client's certificate; empty without one, or without TLS.
    virtual std::string peerCommonName() const = 0;

    /// Bytes written and not sent yet: those in output(), and those that filters have taken out of it, in the
    /// form they have there. For a session that wants to see whether its client still takes something.
    virtual std::size_t unsent() const = 0;

protected:
    virtual ~Connection() = default;
};

}  // namespace nsq::sdk
