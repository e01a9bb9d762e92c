#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "nsq/sdk/authorizer.h"
#include "nsq/sdk/result.h"

namespace nsq::auth {

/// An auth server.
class ServerAddress {
public:
    /// `text` is host:port, whose path is then /auth, or a URL of http or https. kInvalid: it is neither; the
    /// text says why, without what may be secret. Host names are not looked up. THREAD: any.
    static sdk::Result<ServerAddress> parse(std::string_view text);

    const std::string& host() const { return host_; }
    std::uint16_t port() const { return port_; }
    bool isHttps() const { return isHttps_; }

    /// `user:password`, percent-encoded, or empty.
    const std::string& userInfo() const { return userInfo_; }

    /// As it was given, but without user, password and query, for others to see.
    const std::string& shown() const { return shown_; }

    /// For the log: scheme, host and port, and nothing that may be secret.
    std::string name() const;

    /// The target of the request for a client. It contains the client's secret.
    std::string target(const sdk::Credentials& credentials) const;

private:
    std::string shown_;
    std::string host_;  ///< an IPv6 address without brackets
    std::uint16_t port_ = 0;
    bool isHttps_ = false;
    std::string userInfo_;
    std::string path_;  ///< with what query there is
};

}  // namespace nsq::auth
