#include "application/bound_socket.h"

#include <Poco/Net/NetException.h>
#include <Poco/Net/SocketAddress.h>
#include <Poco/Net/StreamSocket.h>
#include <spdlog/fmt/fmt.h>
#include <sys/stat.h>

#include <cerrno>
#include <system_error>

#include "application/start_error.h"
#include "options/address.h"

namespace nsq::app {

namespace {

using Poco::Net::SocketAddress;

/// Connections that may wait until the server accepts them; the kernel may allow fewer (chosen).
constexpr int kBacklog = 8192;

void bindTcp(Poco::Net::ServerSocket& socket, const options::HostAndPort& address) {
    constexpr bool kReuseAddress = true;  // of connections of an earlier run that are still closing
    constexpr bool kReusePort = false;    // or a second server would share the port
    if (!address.host.empty()) {
        socket.bind(SocketAddress{address.host, address.port}, kReuseAddress, kReusePort);
        return;
    }
    try {
        constexpr bool kIpV6Only = false;
        socket.bind6(SocketAddress{"::", address.port}, kReuseAddress, kReusePort, kIpV6Only);
    } catch (const Poco::Exception& error) {
        if (error.code() == EADDRINUSE || error.code() == EACCES) throw;
        socket = Poco::Net::ServerSocket{};  // a machine without IPv6
        socket.bind(SocketAddress{"0.0.0.0", address.port}, kReuseAddress, kReusePort);
    }
}

/// Removes the socket that a killed server left behind.
void removeStale(const SocketAddress& address, const std::filesystem::path& file) {
    std::error_code none;
    if (!std::filesystem::is_socket(file, none)) return;
    try {
        Poco::Net::StreamSocket{}.connect(address);
    } catch (const Poco::Net::ConnectionRefusedException&) {
        std::filesystem::remove(file, none);
    } catch (const Poco::Exception&) {
        // Somebody's: bind says so.
    }
}

FileIdentity identityOf(const std::filesystem::path& file) {
    struct stat found {};
    if (::lstat(file.c_str(), &found) != 0) return {};
    return {found.st_dev, found.st_ino};
}

std::string reasonOf(const Poco::Exception& error) {
    return error.code() != 0 ? std::generic_category().message(error.code()) : error.displayText();
}

}  // namespace

BoundSocket::BoundSocket(std::string_view flag, const std::string& address) {
    const auto parsed = options::parseAddress(address);
    try {
        if (!parsed) throw Poco::InvalidArgumentException(parsed.error().text);
        if (const auto* tcp = std::get_if<options::HostAndPort>(&parsed.value())) {
            bindTcp(socket_, *tcp);
            address_ = socket_.address().toString();
            port_ = socket_.address().port();
        } else {
            const SocketAddress local{SocketAddress::UNIX_LOCAL,
                                      std::get<options::UnixPath>(parsed.value()).path};
            const auto file = std::filesystem::absolute(address);
            removeStale(local, file);
            socket_.bind(local, false, false);
            file_ = file;
            identity_ = identityOf(file);
            address_ = address;
        }
        socket_.listen(kBacklog);
    } catch (const Poco::Exception& error) {
        throw StartError(ExitStatus::kCannotListen,
                         fmt::format("option --{}: cannot listen on {}: {}", flag, address, reasonOf(error)));
    }
}

BoundSocket::~BoundSocket() {
    std::error_code ignored;  // the server ends, and may not be allowed to
    if (!file_.empty() && identityOf(file_) == identity_) std::filesystem::remove(file_, ignored);
}

}  // namespace nsq::app
