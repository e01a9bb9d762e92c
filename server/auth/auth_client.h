#pragma once

#include <Poco/Net/Context.h>
#include <Poco/Net/StreamSocket.h>

#include <atomic>
#include <cstddef>
#include <string>

#include "auth/auth_settings.h"
#include "auth/socket_watch.h"
#include "net/interrupt.h"
#include "nsq/sdk/authorizer.h"
#include "nsq/sdk/result.h"

namespace nsq::auth {

/// Asks auth servers over HTTP or HTTPS. THREAD: main for start, then any.
class AuthClient {
public:
    /// All outlive it. When `stop` is raised, names are looked up and connections made no more; the watch
    /// ends what is connected.
    AuthClient(const AuthSettings& settings, SocketWatch& watch, const net::Interrupt& stop)
        : settings_(settings), watch_(watch), stop_(stop) {}

    /// Reads the certificates. kInvalid: the file of them cannot be used.
    sdk::Result<void> start();

    /// The body of the server's answer. Blocks for the timeouts at most; looking up its name counts as
    /// connecting. kInvalid: it cannot be reached, or says nothing that is HTTP in time; kAuthFailed: it does
    /// not grant anything. The text says why, without the secret.
    sdk::Result<std::string> ask(const ServerAddress& server, const sdk::Credentials& credentials);

private:
    Poco::Net::StreamSocket connect(const ServerAddress& server, sdk::Clock::time_point deadline);
    std::string converse(const ServerAddress& server, const sdk::Credentials& credentials);

    const AuthSettings& settings_;
    SocketWatch& watch_;
    const net::Interrupt& stop_;
    Poco::Net::Context::Ptr tls_;
    std::atomic<std::size_t> turn_{0};  ///< which address of a server is tried first
};

}  // namespace nsq::auth
