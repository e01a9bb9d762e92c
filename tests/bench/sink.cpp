// nsq_sink: the least a server has to do for a PUB or MPUB. Threads with an epoll set each read what has
// come, look for the commands' ends, append all of it to a file with one pwrite a turn, and answer OK. What a
// real server takes beyond that is its own.
//
//   nsq_sink --port=N --file=PATH [--threads=2]    writes PATH0, PATH1, ...

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "nsq/sdk/bytes.h"

namespace nsq::bench {
namespace {

constexpr std::string_view kMagic = "  V2";
constexpr std::string_view kOk{"\0\0\0\6\0\0\0\0OK", 10};
constexpr std::size_t kReadBytes = 256 * 1024;

[[noreturn]] void fail(const char* what) {
    std::perror(what);
    std::_Exit(1);
}

int listenOn(std::uint16_t port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);  // each thread has its share of connections
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) fail("bind");
    if (::listen(fd, SOMAXCONN) != 0) fail("listen");
    return fd;
}

/// Returns the size of the whole commands `text` begins with, and adds how many these are.
std::size_t wholeCommands(std::string_view text, std::size_t& commands) {
    std::size_t at = text.starts_with(kMagic) ? kMagic.size() : 0;
    for (;;) {
        const std::size_t line = text.find('\n', at);
        if (line == std::string_view::npos || text.size() < line + 5) return at;
        const auto body = static_cast<std::size_t>(
            sdk::loadBig<std::int32_t>(reinterpret_cast<const std::byte*>(text.data() + line + 1)));
        if (text.size() < line + 5 + body) return at;
        at = line + 5 + body;
        ++commands;
    }
}

class Sink {
public:
    Sink(std::uint16_t port, const std::string& path)
        : listener_(listenOn(port)),
          epoll_(::epoll_create1(EPOLL_CLOEXEC)),
          file_(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)) {
        if (file_ < 0) fail(path.c_str());
        watch(listener_);
    }

    [[noreturn]] void run() {
        for (epoll_event events[512];;) {
            const int count = ::epoll_wait(epoll_, events, std::size(events), -1);
            turn_.clear();
            answers_.clear();
            for (int i = 0; i < count; ++i) {
                if (events[i].data.fd == listener_)
                    accept();
                else
                    read(events[i].data.fd);
            }
            offset_ += ::pwrite(file_, turn_.data(), turn_.size(), offset_);
            for (const auto& [fd, text] : answers_) ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
        }
    }

private:
    void watch(int fd) {
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.fd = fd;
        ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
    }
    void accept() {
        const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        const int on = 1;
        ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        watch(fd);
    }
    void read(int fd) {
        const ssize_t got = ::recv(fd, buffer_.data(), buffer_.size(), 0);
        if (got <= 0) {
            ::close(fd);
            begun_.erase(fd);
            return;
        }
        std::string& begun = begun_[fd];
        begun.append(buffer_.data(), static_cast<std::size_t>(got));
        std::size_t commands = 0;
        const std::size_t whole = wholeCommands(begun, commands);
        turn_.append(begun, 0, whole);
        begun.erase(0, whole);
        std::string& answer = answers_.emplace_back(fd, std::string{}).second;
        for (; commands > 0; --commands) answer += kOk;
    }

    const int listener_;
    const int epoll_;
    const int file_;
    off_t offset_ = 0;
    std::string buffer_ = std::string(kReadBytes, '\0');
    std::string turn_;                                  ///< to be written
    std::vector<std::pair<int, std::string>> answers_;  ///< to be sent when it is
    std::map<int, std::string> begun_;                  ///< what of a command has come, by connection
};

int run(int argc, char** argv) {
    std::map<std::string, std::string> options{{"threads", "2"}};
    for (int i = 1; i < argc; ++i) {
        const std::string argument = argv[i];
        const std::size_t equals = argument.find('=');
        if (argument.starts_with("--") && equals != std::string::npos)
            options[argument.substr(2, equals - 2)] = argument.substr(equals + 1);
    }
    if (options["port"].empty() || options["file"].empty()) {
        std::fprintf(stderr, "usage: nsq_sink --port=N --file=PATH [--threads=2]\n");
        return 2;
    }
    std::vector<std::thread> threads;
    for (int i = 0; i < std::atoi(options["threads"].c_str()); ++i) {
        threads.emplace_back([&, i] {
            const auto port = static_cast<std::uint16_t>(std::atoi(options["port"].c_str()));
            Sink{port, options["file"] + std::to_string(i)}.run();
        });
    }
    for (std::thread& thread : threads) thread.join();
    return 0;
}

}  // namespace
}  // namespace nsq::bench

int main(int argc, char** argv) {
    return nsq::bench::run(argc, argv);
}
