#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "nsq/sdk/loop.h"
#include "nsq/sdk/result.h"

namespace nsq::sdk {

/// What a client may be allowed to do.
enum class Permission { kSubscribe, kPublish };

/// Who a client says that it is.
struct Credentials {
    std::string remoteHost;  ///< see Connection
    bool tls = false;        ///< the connection is encrypted
    std::string commonName;  ///< of the client's certificate, or empty
    std::string secret;      ///< never goes to a log or into an error
};

/// What one client may do, for a while. Never changes. THREAD: any.
class Authorization {
public:
    virtual ~Authorization() = default;

    /// `channel` is empty for a publish.
    virtual bool allows(Permission permission, std::string_view topic, std::string_view channel) const = 0;

    /// How many rules it consists of. With none a client has nothing to expect.
    virtual std::size_t permissionCount() const = 0;

    virtual const std::string& identity() const = 0;
    virtual const std::string& identityUrl() const = 0;

    /// From then on it has to be asked for anew, before the client's next command that needs it.
    virtual Clock::time_point expiry() const = 0;
};

using AuthorizationPtr = std::shared_ptr<const Authorization>;

/// Who asked for an authorization.
class AuthorizationListener {
public:
    /// The answer to a request, once. kAuthFailed: there is none; the text, for the log and not for the
    /// client, says why. The request may be destroyed within the call. THREAD: the request's loop.
    virtual void onAuthorization(Result<AuthorizationPtr> answer) = 0;

protected:
    ~AuthorizationListener() = default;
};

/// A request on its way. Its owner destroys it when it has been answered, or to take it back: the listener is
/// not called after that. THREAD: its loop.
class AuthorizationRequest {
public:
    virtual ~AuthorizationRequest() = default;
};

/// Knows what clients may do: asks the auth servers. THREAD: any, unless said.
class Authorizer {
public:
    /// Whether clients have to authenticate. Does not change.
    virtual bool required() const = 0;

    /// Asks on a thread of the host's; seconds may pass. A protocol has one request a client at a time, and
    /// lets the client's commands wait for it. `listener` is called in a later task of `loop`, never from
    /// within this call, and outlives the request. THREAD: `loop`.
    virtual std::unique_ptr<AuthorizationRequest> authenticate(Credentials credentials, Loop& loop,
                                                               AuthorizationListener& listener) = 0;

protected:
    virtual ~Authorizer() = default;
};

}  // namespace nsq::sdk
