#include "options/address.h"

#include <spdlog/fmt/fmt.h>
#include <sys/un.h>

#include <charconv>

namespace nsq::options {

using sdk::Error;
using sdk::ErrorCode;

namespace {

Error notAnAddress(std::string_view text, std::string_view why) {
    return {ErrorCode::kInvalid, fmt::format("\"{}\" is not an address: {}", text, why)};
}

}  // namespace

sdk::Result<ListenAddress> parseAddress(std::string_view text) {
    const auto refusal = [text](std::string_view why) { return notAnAddress(text, why); };
    if (text.empty()) return refusal("it is empty; needs host:port or the path of a unix socket");
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) {
        if (text.size() >= sizeof(sockaddr_un::sun_path))
            return refusal("the path is too long for a unix socket");
        return ListenAddress{UnixPath{std::string{text}}};
    }
    std::string_view host = text.substr(0, colon);
    const std::string_view port = text.substr(colon + 1);
    HostAndPort address;
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
    if (error != std::errc{} || end != port.data() + port.size()) {
        return refusal("the port must be a number of 0 to 65535");
    }
    if (host.starts_with('[') && host.ends_with(']')) {
        host = host.substr(1, host.size() - 2);
    } else if (host.find(':') != std::string_view::npos) {
        return refusal("an IPv6 address needs brackets, as in [::1]:4150");
    }
    address.host = host;
    return ListenAddress{std::move(address)};
}

sdk::Result<HostAndPort> parsePeer(std::string_view text) {
    const auto parsed = parseAddress(text);
    if (!parsed && !text.empty()) return parsed.error();
    const auto* const address = parsed ? std::get_if<HostAndPort>(&parsed.value()) : nullptr;
    if (address == nullptr) return notAnAddress(text, "needs host:port");
    if (address->port == 0) return notAnAddress(text, "nobody listens on port 0");
    return *address;
}

}  // namespace nsq::options
