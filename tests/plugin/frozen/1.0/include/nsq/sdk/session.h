#pragma once

#include <cstddef>
#include <string_view>

#include "nsq/sdk/bytes.h"
#include "nsq/sdk/stats.h"

namespace nsq::sdk {

/// A protocol's state machine for one connection: bytes in, broker calls and output out. It never touches a
/// socket and never blocks. The host destroys it when the connection is gone, whoever closed it.
/// THREAD: every call, the destructor's too, is on the connection's loop.
///
/// An exception out of any of these is logged and closes the connection.
class Session {
public:
    virtual ~Session() = default;

    /// Bytes arrived. `data` begins with what the last call left. Returns how many bytes are used up; the
    /// rest is kept and comes again with more behind it, or after Connection::resumeInput. The first call
    /// begins with the magic, which the registry has read and the session uses up like anything else.
    virtual std::size_t onData(Bytes data) = 0;

    /// The most bytes the session may leave from onData and still hope for more: the size of the largest
    /// command. A client that sends more without the session using any is not read until it does. The
    /// connection is closed when the session uses nothing of that for 5 minutes although the client takes its
    /// output.
    virtual std::size_t maxPending() const = 0;

    /// outputRoom() has become positive again.
    virtual void onOutputDrained() {}

    /// The time set with Connection::setTimer has come.
    virtual void onTimer() {}

    /// Fills in what the session knows about its client. The host has set remoteAddress and connectedAt.
    virtual void describe(ClientStats& stats) const { static_cast<void>(stats); }

    /// The client sends no more: it is gone, or has closed its side and still listens. All it sent came to
    /// onData before, and the tasks of this turn have run. Return true when answers to it are still to come:
    /// the session then goes on until it calls Connection::close, 5 s at most. Otherwise the connection
    /// closes after this turn. A session that starts a filter afterwards gets what it left through the
    /// filter, and this call again.
    virtual bool onInputEnd() { return false; }

    /// The handshake after Connection::startTls has failed; what waited for it is thrown away. What is
    /// written now is sent as it is, without TLS, and the connection closes.
    virtual void onTlsFailed(std::string_view reason) { static_cast<void>(reason); }
};

}  // namespace nsq::sdk
