#pragma once

#include <cstddef>
#include <memory>

#include "faults/code_owners.h"
#include "net/error_frame.h"
#include "nsq/sdk/bytes.h"
#include "nsq/sdk/connection.h"
#include "nsq/sdk/session.h"

namespace nsq::net {

/// What a connection is for: the statistics list clients of protocols only.
enum class ConnectionKind { kProtocol, kHttp };

/// What a connection begins with. A session on a plain one may ask for TLS later.
enum class Transport { kPlain, kTls };

/// Makes the session of a new connection, once its first bytes are there. Outlives its connections.
/// THREAD: the connection's loop; several at once.
class SessionOpener {
public:
    /// How many bytes decide. At least 1, always the same.
    virtual std::size_t bytesNeeded() const = 0;

    /// `first` has bytesNeeded() bytes, and Session::onData gets them once more. Null refuses: what was
    /// written into the connection's output is sent, and the connection closes. So does an exception, which
    /// is logged.
    virtual std::unique_ptr<sdk::Session> open(sdk::Connection& connection, sdk::Bytes first) = 0;

    /// Whose code open() calls for these first bytes, and the session's from then on; null: the server's own.
    virtual faults::CodeOwner* ownerOf(sdk::Bytes first) const {
        static_cast<void>(first);
        return nullptr;
    }

    /// How it tells a client that it is refused.
    virtual ErrorForm errorForm() const { return ErrorForm::kFrame; }

protected:
    ~SessionOpener() = default;
};

}  // namespace nsq::net
