#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "net/fd.h"

namespace nsq::net::test {

/// A blocking client socket whose calls give up after kPatience.
class Client {
public:
    explicit Client(int port);
    explicit Client(const std::string& unixPath);

    /// An unconnected one.
    Client();
    void connect(int port);

    /// False if the server has closed.
    bool send(std::string_view bytes);

    /// Sends as much as the connection takes without waiting for the server to read. Returns how much that
    /// was.
    std::size_t sendUntilFull(std::string_view bytes, std::chrono::milliseconds quiet);

    /// `count` bytes, or fewer if the connection ends before.
    std::string receive(std::size_t count);

    /// All until the server's end; the error if there is one instead.
    std::string receiveAll();

    /// No more will be sent; still listens.
    void endInput();
    void close() { socket_ = Fd{}; }

    /// Closes with a reset.
    void reset();

    int port() const;

private:
    Fd socket_;
};

}  // namespace nsq::net::test
