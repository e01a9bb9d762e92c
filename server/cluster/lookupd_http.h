#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "net/interrupt.h"
#include "nsq/sdk/result.h"
#include "options/address.h"

namespace nsq::cluster {

/// How long asking over HTTP may take.
struct HttpTimeouts {
    std::chrono::nanoseconds connect;
    std::chrono::nanoseconds request;

    /// Of both together: what one question may take.
    std::chrono::nanoseconds whole() const { return connect + request; }
};

/// A connection to a lookupd's HTTP API, opened when it is needed and kept from one question to the next.
/// THREAD: one, which may block.
class LookupdHttp {
public:
    /// `interrupt`, which outlives it, ends whatever it waits for.
    LookupdHttp(HttpTimeouts timeouts, const net::Interrupt& interrupt);
    LookupdHttp(const LookupdHttp&) = delete;
    LookupdHttp& operator=(const LookupdHttp&) = delete;
    ~LookupdHttp();

    /// The body of the answer to GET, however slowly it comes within the timeouts. kInvalid, or an exception:
    /// there is none.
    sdk::Result<std::string> get(const options::HostAndPort& host, const std::string& target);

    /// Keeps no connection.
    void close();

private:
    class Connection;

    sdk::Result<void> open(const options::HostAndPort& host, sdk::Clock::time_point deadline);
    sdk::Result<std::string> ask(const std::string& target, sdk::Clock::time_point deadline);

    const HttpTimeouts timeouts_;
    const net::Interrupt& interrupt_;
    std::unique_ptr<Connection> connection_;
};

/// `host:port` as a URL has it.
std::string authorityOf(const options::HostAndPort& host);

}  // namespace nsq::cluster
