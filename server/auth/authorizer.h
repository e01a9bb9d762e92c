#pragma once

#include <memory>

#include "auth/auth_client.h"
#include "auth/auth_settings.h"
#include "auth/pattern_pool.h"
#include "auth/question.h"
#include "auth/server_turns.h"
#include "auth/socket_watch.h"
#include "http/worker_pool.h"
#include "net/interrupt.h"
#include "nsq/sdk/authorizer.h"

namespace nsq::auth {

/// Asks the auth servers for the clients' authorizations, on threads of its own: as many clients as there are
/// threads are asked for at once, a limited number waits, and who has waited for longer than a request may
/// take is refused. Without servers nothing is required, and there are no threads.
class Authorizer final : public sdk::Authorizer {
public:
    explicit Authorizer(AuthSettings settings);
    ~Authorizer();  ///< stops, if that was not done

    /// Starts the threads. kInvalid: certificates cannot be used. Once only. THREAD: main.
    sdk::Result<void> start();

    /// Breaks off what is being asked and joins the threads. No request may be left. THREAD: main.
    void stop();

    bool required() const override { return !settings_.servers.empty(); }
    std::unique_ptr<sdk::AuthorizationRequest> authenticate(sdk::Credentials credentials, sdk::Loop& loop,
                                                            sdk::AuthorizationListener& listener) override;

private:
    class Asking;

    sdk::Result<sdk::AuthorizationPtr> answerFor(const Question& question);
    sdk::Result<sdk::AuthorizationPtr> ask(std::size_t server, const sdk::Credentials& credentials);

    const AuthSettings settings_;
    net::Interrupt stop_;
    SocketWatch watch_;
    AuthClient client_;
    ServerTurns turns_;
    PatternPool patterns_;
    http::WorkerPool workers_;
};

}  // namespace nsq::auth
