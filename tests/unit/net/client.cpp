#include "unit/net/client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <system_error>

#include "unit/net/signal.h"

namespace nsq::net::test {

namespace {

void giveUpInTime(int socket) {
    const timeval limit{kPatience.count(), 0};
    ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

[[noreturn]] void fail(const char* what) {
    throw std::system_error(errno, std::generic_category(), what);
}

}  // namespace

Client::Client() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    if (socket_.get() < 0) fail("socket");
    giveUpInTime(socket_.get());
}

Client::Client(int port) : Client() {
    connect(port);
}

Client::Client(const std::string& unixPath) : socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    giveUpInTime(socket_.get());
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    unixPath.copy(address.sun_path, sizeof address.sun_path - 1);
    if (::connect(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) fail("connect");
}

void Client::connect(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) fail("connect");
}

bool Client::send(std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent < 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

std::size_t Client::sendUntilFull(std::string_view bytes, std::chrono::milliseconds quiet) {
    std::size_t total = 0;
    pollfd watched{socket_.get(), POLLOUT, 0};
    while (total < bytes.size() && ::poll(&watched, 1, static_cast<int>(quiet.count())) > 0) {
        const ssize_t sent =
            ::send(socket_.get(), bytes.data() + total, bytes.size() - total, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0) break;
        total += static_cast<std::size_t>(sent);
    }
    return total;
}

std::string Client::receive(std::size_t count) {
    std::string bytes(count, '\0');
    std::size_t total = 0;
    while (total < count) {
        const ssize_t got = ::recv(socket_.get(), bytes.data() + total, count - total, 0);
        if (got <= 0) break;
        total += static_cast<std::size_t>(got);
    }
    bytes.resize(total);
    return bytes;
}

std::string Client::receiveAll() {
    std::string all;
    char buffer[65536];
    for (;;) {
        const ssize_t got = ::recv(socket_.get(), buffer, sizeof buffer, 0);
        if (got == 0) return all;
        if (got < 0) return std::strerror(errno);
        all.append(buffer, static_cast<std::size_t>(got));
    }
}

void Client::endInput() {
    ::shutdown(socket_.get(), SHUT_WR);
}

void Client::reset() {
    const linger now{1, 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close();
}

int Client::port() const {
    sockaddr_in address{};
    socklen_t size = sizeof address;
    ::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    return ntohs(address.sin_port);
}

}  // namespace nsq::net::test
