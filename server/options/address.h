#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "nsq/sdk/result.h"

namespace nsq::options {

/// `host:port`; no host means every address of the machine. An IPv6 host is written in brackets, here
/// without.
struct HostAndPort {
    std::string host;
    std::uint16_t port = 0;

    bool operator==(const HostAndPort&) const = default;
};

/// The path of a unix socket: an address without a colon.
struct UnixPath {
    std::string path;
};

using ListenAddress = std::variant<HostAndPort, UnixPath>;

/// kInvalid: the text is empty, its port is no number of 0..65535, or the path too long for a unix socket.
/// Host names are not looked up. THREAD: any.
sdk::Result<ListenAddress> parseAddress(std::string_view text);

/// An address to connect to: `host:port` with a port that is not 0; no host means this machine. kInvalid.
/// THREAD: any.
sdk::Result<HostAndPort> parsePeer(std::string_view text);

}  // namespace nsq::options
