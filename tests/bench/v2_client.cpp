#include "bench/v2_client.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "nsq/sdk/message.h"

namespace nsq::bench {

namespace {

constexpr std::size_t kHeaderBytes = 8;        ///< size and type
constexpr std::size_t kBufferBytes = 1 << 20;  ///< read at once

[[noreturn]] void fail(const char* what) {
    throw std::runtime_error(std::string(what) + ": " + std::strerror(errno));
}

}  // namespace

V2Client::V2Client(int port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), buffer_(kBufferBytes) {
    if (fd_ < 0) fail("socket");
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) fail("connect");
    const int on = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    send("  V2");
}

V2Client::~V2Client() {
    ::close(fd_);
}

void V2Client::send(sdk::Bytes bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent < 0) fail("send");
        bytes = bytes.subspan(static_cast<std::size_t>(sent));
    }
}

/// Size of the frame at the buffer's begin, its size field included; 0 when not even that is there.
std::size_t V2Client::frameBytes() const {
    if (end_ - begin_ < kHeaderBytes) return 0;
    return static_cast<std::size_t>(sdk::loadBig<std::int32_t>(buffer_.data() + begin_)) + 4;
}

bool V2Client::hasFrame() const {
    const std::size_t size = frameBytes();
    return size != 0 && end_ - begin_ >= size;
}

V2Client::Frame V2Client::receive() {
    for (;;) {
        while (!hasFrame()) {
            std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
            end_ -= begin_;
            begin_ = 0;
            if (frameBytes() > buffer_.size()) buffer_.resize(frameBytes());
            const ssize_t got = ::recv(fd_, buffer_.data() + end_, buffer_.size() - end_, 0);
            if (got == 0) throw std::runtime_error("the server closed the connection");
            if (got < 0) fail("recv");
            end_ += static_cast<std::size_t>(got);
        }
        const std::size_t size = frameBytes();
        const sdk::Bytes whole{buffer_.data() + begin_, size};
        begin_ += size;
        const Frame frame{sdk::loadBig<std::int32_t>(whole.data() + 4), whole.subspan(kHeaderBytes)};
        if (frame.type == sdk::frame::kTypeResponse && sdk::asText(frame.data) == "_heartbeat_") {
            send("NOP\n");
            continue;
        }
        if (frame.type == sdk::frame::kTypeError)
            throw std::runtime_error(std::string(sdk::asText(frame.data)));
        return frame;
    }
}

void V2Client::expectOk() {
    const Frame frame = receive();
    if (sdk::asText(frame.data) != "OK")
        throw std::runtime_error("not OK: " + std::string(sdk::asText(frame.data)));
}

}  // namespace nsq::bench
