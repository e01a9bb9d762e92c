#pragma once

#include <Poco/Net/Context.h>
#include <Poco/Net/StreamSocket.h>

#include <memory>
#include <string>

#include "auth/auth_settings.h"
#include "auth/socket_watch.h"
#include "nsq/sdk/authorizer.h"
#include "nsq/sdk/result.h"

namespace nsq::auth {

/// Asks auth servers over HTTP or HTTPS. THREAD: main for start, then any.
class AuthClient {
public:
    /// Both outlive it.
    AuthClient(const AuthSettings& settings, SocketWatch& watch) : settings_(settings), watch_(watch) {}

    /// Reads the certificates. kInvalid: the file of them cannot be used.
    sdk::Result<void> start();

    /// The body of the server's answer. Blocks for the timeouts at most; looking up a host name is limited
    /// separately, to a second for each name server. kAuthFailed: there is none; the text says why, without
    /// the secret.
    sdk::Result<std::string> ask(const ServerAddress& server, const sdk::Credentials& credentials);

private:
    /// A connected socket under watch.
    struct Conversation {
        Poco::Net::StreamSocket socket;
        std::unique_ptr<SocketWatch::Guard> guard;
    };

    Conversation connect(const ServerAddress& server, sdk::Clock::time_point deadline);
    std::string converse(const ServerAddress& server, const sdk::Credentials& credentials);

    const AuthSettings& settings_;
    SocketWatch& watch_;
    Poco::Net::Context::Ptr tls_;
};

}  // namespace nsq::auth
