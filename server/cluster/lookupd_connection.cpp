#include "cluster/lookupd_connection.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include "net/connect.h"

namespace nsq::cluster {

using sdk::Clock;
using sdk::Error;
using sdk::ErrorCode;
using sdk::Result;

namespace {

/// As nsqd: for connecting, and for each step of writing and reading.
constexpr std::chrono::seconds kTimeout{1};

/// So many commands are sent before the first answer is read: few enough for what is on the way to fit into
/// the buffers of the sockets, whatever the lookupd does (chosen).
constexpr std::size_t kMostOnTheWay = 200;

Error failure(std::string why) {
    return {ErrorCode::kInvalid, std::move(why)};
}

bool isTemporary(int error) {
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

}  // namespace

Result<LookupdConnection> LookupdConnection::open(const options::HostAndPort& address,
                                                  const net::Interrupt& interrupt) {
    auto socket = net::connectTo(address, Clock::now() + kTimeout, interrupt);
    if (!socket) return socket.error();
    LookupdConnection connection{std::move(socket).value(), interrupt};
    if (auto sent = connection.send(kLookupdMagic); !sent) return sent.error();
    return connection;
}

Result<std::string> LookupdConnection::ask(std::string_view command) {
    if (!answers_.isEmpty()) return reasonToRead();
    if (auto sent = send(command); !sent) return sent.error();
    return receive();
}

Result<void> LookupdConnection::tell(std::span<const std::string> commands) {
    while (!commands.empty()) {
        if (!answers_.isEmpty()) return reasonToRead();
        const auto some = commands.first(std::min(commands.size(), kMostOnTheWay));
        std::string bytes;
        for (const std::string& command : some) bytes.append(command).push_back('\n');
        if (auto sent = send(bytes); !sent) return sent;
        for (std::size_t i = 0; i < some.size(); ++i) {
            if (auto done = expectOk(); !done) return done;
        }
        commands = commands.subspan(some.size());
    }
    return {};
}

Error LookupdConnection::reasonToRead() {
    const auto answer = receive();
    return answer ? failure("it answers what was not asked") : answer.error();
}

Result<void> LookupdConnection::wait(short events) const {
    switch (interrupt_->wait(fd(), events, Clock::now() + kTimeout)) {
        case net::Interrupt::Waited::kTimeout:
            return failure("it does not answer");
        case net::Interrupt::Waited::kInterrupted:
            return failure("stopped");
        case net::Interrupt::Waited::kReady:
            break;
    }
    return {};
}

Result<void> LookupdConnection::send(std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = ::send(fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent >= 0) {
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        } else if (!isTemporary(errno)) {
            return failure(std::generic_category().message(errno));
        } else if (auto ready = wait(POLLOUT); !ready) {
            return ready;
        }
    }
    return {};
}

Result<std::string> LookupdConnection::receive() {
    std::array<std::byte, 4096> buffer{};
    for (;;) {
        auto answer = answers_.next();
        if (!answer) return answer.error();
        if (answer.value()) return *std::move(answer.value());
        const ssize_t got = ::recv(fd(), buffer.data(), buffer.size(), 0);
        if (got > 0) {
            answers_.add({buffer.data(), static_cast<std::size_t>(got)});
        } else if (got == 0) {
            return failure("it has closed the connection");
        } else if (!isTemporary(errno)) {
            return failure(std::generic_category().message(errno));
        } else if (auto ready = wait(POLLIN); !ready) {
            return ready.error();
        }
    }
}

Result<void> LookupdConnection::expectOk() {
    const auto answer = receive();
    if (!answer) return answer.error();
    if (answer.value() == kOk) return {};
    return failure(answer.value().starts_with("E_") ? "it answers " + shown(answer.value())
                                                    : "its answer is neither OK nor an error");
}

}  // namespace nsq::cluster
